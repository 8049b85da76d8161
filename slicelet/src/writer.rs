//! Writing by guards: what a service changes is written by whoever owns the key, and by nobody else.

use std::convert::Infallible;
use std::sync::Arc;

use emberkeep_core::slicelet::{Answered, AnsweredLimits};
use emberkeep_runtime::clock::unix_ms;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::Codec;
use crate::guard::Guard;
use crate::metrics::Metrics;
use crate::warm::{ValueChange, WarmStore, WriteError, WriteOptions};

/// Writes for a slicelet that was started to.
pub(crate) struct Writer<'a, C: Codec> {
    warm: &'a Arc<WarmStore<C>>,
    limits: AnsweredLimits,
    metrics: &'a Metrics,
}

/// The longest request id: ids are kept in the object.
const REQUEST_ID_LENGTH_MAX: usize = 128;

impl<'a, C: Codec> Writer<'a, C> {
    pub(crate) const fn new(warm: &'a Arc<WarmStore<C>>, limits: AnsweredLimits, metrics: &'a Metrics) -> Self {
        Self { warm, limits, metrics }
    }

    pub(crate) async fn update<E: Send>(
        self,
        guard: &Guard<'_, C>,
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
        self.write(guard, false, change).await
    }

    pub(crate) async fn remove(self, guard: &Guard<'_, C>) -> Result<bool, WriteError<Infallible>> {
        let change = |present: Option<&C::Value>, answered: &Answered| match present {
            Some(_) => Ok(ValueChange::Write {
                value: None,
                answered: answered.clone(),
                response: true,
            }),
            None => Ok(ValueChange::Keep(false)),
        };
        self.write(guard, false, change).await
    }

    pub(crate) async fn once<A, E>(
        self,
        guard: &Guard<'_, C>,
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
        let (limits, metrics) = (self.limits, self.metrics);
        let change = |present: Option<&C::Value>, answered: &Answered| {
            if let Some(answer) = answered.answer_to(request_id) {
                metrics.deduplicated_requests.inc();
                return Ok(ValueChange::Keep(serde_json::from_slice(answer).map_err(unencodable)?));
            }
            let (value, answer) = change(present).map_err(WriteError::Refused)?;
            let kept = serde_json::to_vec(&answer).map_err(unencodable)?;
            Ok(ValueChange::Write {
                value: Some(Arc::new(value)),
                answered: answered.with(request_id, &kept, unix_ms(), limits),
                response: answer,
            })
        };
        self.write(guard, true, change).await
    }

    async fn write<T, E>(
        self,
        guard: &Guard<'_, C>,
        is_repeatable: bool,
        change: impl FnMut(Option<&C::Value>, &Answered) -> Result<ValueChange<C::Value, T>, WriteError<E>> + Send,
    ) -> Result<T, WriteError<E>> {
        let options = WriteOptions {
            fence: &|| guard.fence(),
            is_repeatable,
        };
        self.warm.write(guard.load_request(), options, change).await
    }
}

fn unencodable<E>(reason: serde_json::Error) -> WriteError<E> {
    WriteError::Unencodable(format!("answer: {reason}"))
}
