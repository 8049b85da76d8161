//! Writes of one key: the caller's function becomes a [`ValueChange`], which the warm store applies.
//!
//! ```text
//! Guard::update, remove, once --> Writer --ValueChange--> WarmStore::write --conditional put--> object storage
//!                                                             | before each load and put
//!                                                             +--> KeyAccess::write_fence: still the owner?
//! ```

use std::convert::Infallible;
use std::sync::Arc;

use emberkeep_core::slicelet::Answered;
use emberkeep_runtime::clock::unix_ms;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::Codec;
use crate::key_access::KeyAccess;
use crate::warm::{LoadRequest, ValueChange, WriteError, WriteOptions};

/// Performs one write of one key.
pub(crate) struct Writer<'a, C: Codec> {
    access: &'a KeyAccess<C>,
    request: LoadRequest<'a>,
}

/// The longest request id, in bytes: ids are stored in the object and read with it.
const REQUEST_ID_LENGTH_MAX: usize = 128;

impl<'a, C: Codec> Writer<'a, C> {
    /// Fails if the slicelet was started without [`Builder::writable`](crate::Builder::writable).
    pub(crate) fn try_new<E>(access: &'a KeyAccess<C>, request: LoadRequest<'a>) -> Result<Self, WriteError<E>> {
        match access.is_writable {
            true => Ok(Self { access, request }),
            false => Err(WriteError::ReadOnly),
        }
    }

    pub(crate) async fn update<E: Send>(
        self,
        mut change: impl FnMut(Option<&C::Value>) -> Result<C::Value, E> + Send,
    ) -> Result<Arc<C::Value>, WriteError<E>> {
        let change = move |present: Option<&C::Value>, answered: &Answered| {
            let value = Arc::new(change(present).map_err(WriteError::Refused)?);
            Ok(ValueChange::Write {
                value: Some(Arc::clone(&value)),
                answered: answered.clone(),
                response: value,
            })
        };
        self.write(false, change).await
    }

    pub(crate) async fn remove(self) -> Result<bool, WriteError<Infallible>> {
        let change = |present: Option<&C::Value>, answered: &Answered| match present {
            Some(_) => Ok(ValueChange::Write {
                value: None,
                answered: answered.clone(),
                response: true,
            }),
            None => Ok(ValueChange::Keep(false)),
        };
        self.write(false, change).await
    }

    pub(crate) async fn once<A, E>(
        self,
        request_id: &[u8],
        mut change: impl FnMut(Option<&C::Value>) -> Result<(C::Value, A), E> + Send,
    ) -> Result<A, WriteError<E>>
    where
        A: Serialize + DeserializeOwned + Send,
        E: Send,
    {
        if !(1..=REQUEST_ID_LENGTH_MAX).contains(&request_id.len()) {
            return Err(WriteError::BadRequestId {
                length: request_id.len(),
                max: REQUEST_ID_LENGTH_MAX,
            });
        }
        let (limits, metrics) = (self.access.warm.parts.settings.answered, &self.access.metrics);
        let change = |present: Option<&C::Value>, answered: &Answered| {
            if let Some(answer) = answered.answer_to(request_id) {
                metrics.deduplicated_requests.inc();
                return Ok(ValueChange::Keep(serde_json::from_slice(answer).map_err(unencodable)?));
            }
            let (value, answer) = change(present).map_err(WriteError::Refused)?;
            let encoded = serde_json::to_vec(&answer).map_err(unencodable)?;
            Ok(ValueChange::Write {
                value: Some(Arc::new(value)),
                answered: answered.with(request_id, &encoded, unix_ms(), limits),
                response: answer,
            })
        };
        self.write(true, change).await
    }

    async fn write<T, E>(
        self,
        is_repeatable: bool,
        change: impl FnMut(Option<&C::Value>, &Answered) -> Result<ValueChange<C::Value, T>, WriteError<E>> + Send,
    ) -> Result<T, WriteError<E>> {
        let Self { access, request } = self;
        let options = WriteOptions {
            fence: &|| access.write_fence(request.slice_key, request.fence.at),
            is_repeatable,
        };
        access.warm.write(request, options, change).await
    }
}

fn unencodable<E>(reason: serde_json::Error) -> WriteError<E> {
    WriteError::Unencodable(format!("answer: {reason}"))
}
