//! The methods of the demo service.

use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use emberkeep_slicelet::Slicelet;
use futures::poll;
use tonic::{Request, Response, Status};

use super::demo_value::{CounterValue, DemoValueError, ListValue, bytes_of};
use super::pb::demo_server::Demo;
use super::pb::{AddRequest, AddResponse, AppendRequest, AppendResponse, ViewRequest, ViewResponse};

/// Thousandths of a unit of load.
const MILLI: u64 = 1_000;

/// Serves the keys that the slicelet owns.
pub(super) struct DemoService {
    pub(super) pod_name: String,
    pub(super) slicelet: Slicelet,
}

#[tonic::async_trait]
impl Demo for DemoService {
    async fn view(&self, request: Request<ViewRequest>) -> Result<Response<ViewResponse>, Status> {
        let ViewRequest { key, load_milli } = request.into_inner();
        let mut guard = self.slicelet.own(&key)?;
        guard.charge(load_milli.div_ceil(MILLI));
        // A warm value is ready at the first poll; any other has to be loaded.
        let mut value = pin!(guard.get());
        let (value, was_warm) = match poll!(value.as_mut()) {
            Poll::Ready(value) => (value?, true),
            Poll::Pending => (value.await?, false),
        };
        Ok(Response::new(ViewResponse {
            value: value.to_vec(),
            pod: self.pod_name.clone(),
            was_warm,
        }))
    }

    async fn add(&self, request: Request<AddRequest>) -> Result<Response<AddResponse>, Status> {
        let AddRequest {
            key,
            amount,
            request_id,
        } = request.get_ref();
        let guard = self.slicelet.own(key)?.until_deadline_of(request.metadata());
        let change = |present: Option<&Bytes>| {
            let counter = CounterValue::added(present, *amount)?;
            Ok::<_, DemoValueError>((bytes_of(&counter), counter))
        };
        let counter = guard.once(request_id, change).await?;
        Ok(Response::new(counter.into()))
    }

    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        let AppendRequest { key, entry } = request.get_ref();
        let guard = self.slicelet.own(key)?.until_deadline_of(request.metadata());
        let mut written = ListValue::default();
        let change = |present: Option<&Bytes>| {
            written = ListValue::appended(present, entry)?;
            Ok::<_, DemoValueError>(bytes_of(&written))
        };
        guard.update(change).await?;
        Ok(Response::new(written.into()))
    }
}
