//! Load on a cluster that runs already, such as one of containers: requests at a steady rate, without end.

use std::net::SocketAddr;
use std::sync::Arc;

use emberkeep_clerk::ClerkSettings;
use emberkeep_core::assignment::Generation;
use emberkeep_store::Store;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::LabError;
use crate::demo::{TARGET, value_of};
use crate::load::{Clients, LoadRun, Schedule, drive, write_missing};
use crate::monitoring::ClientPage;

/// The settings of the clients of a running cluster.
#[derive(Debug, Clone)]
pub struct RunningClusterLoad {
    /// URLs of the members of the assigner.
    pub assigners: Vec<String>,
    /// The URL of the object store of the pods; missing objects are written to it first.
    pub store: String,
    /// The listen address for metrics and health; `None` to serve none.
    pub http: Option<SocketAddr>,
}

impl RunningClusterLoad {
    /// Writes missing objects and sends the requests of the schedule until `stop` is cancelled.
    ///
    /// # Errors
    /// If the store cannot be written, an assigner's URL is invalid, or the listen address is taken. Failed requests are
    /// logged and counted.
    pub fn run(self, schedule: Arc<Schedule>, stop: CancellationToken) -> BoxFuture<'static, Result<(), LabError>> {
        async move {
            let store = Store::from_url(&self.store).await?;
            write_missing(&store, TARGET, schedule.keys(), value_of, |_, _| {}).await?;
            let clients = Clients::connect(&self.assigners, Generation::NONE, ClerkSettings::default()).await?;
            let _page = match self.http {
                Some(address) => Some(ClientPage::serve(address, clients.clerks()).await?),
                None => None,
            };
            let run = Arc::new(LoadRun::start(schedule.keys().len()));
            drive(schedule, clients, run, stop).await;
            Ok(())
        }
        .boxed()
    }
}
