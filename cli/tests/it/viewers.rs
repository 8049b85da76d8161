//! Clients that request keys repeatedly; each request has to be answered.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use emberkeep_clerk::{Clerk, ClerkError, ClerkSettings};
use emberkeep_core::clerk::RetryBudgetSettings;
use emberkeep_lab::demo::pb::demo_client::DemoClient;
use emberkeep_lab::demo::pb::{ViewRequest, ViewResponse};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::Status;

/// A deadline for everything that must happen: only a fault reaches it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Repeated requests for all keys. Each has to be answered, or to fail after its answer has begun.
pub(crate) struct Viewers {
    answered: watch::Receiver<BTreeSet<String>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<(), Status>>,
}

impl Viewers {
    /// Starts one client per key; each answer has to be right.
    pub(crate) fn start(
        clerk: &Clerk,
        keys: impl IntoIterator<Item = String>,
        is_right: impl Fn(&str, &ViewResponse) -> bool + Clone + Send + 'static,
    ) -> Self {
        let (answering, answered) = watch::channel(BTreeSet::new());
        let (stop, stopped) = watch::channel(false);
        let answering = Arc::new(answering);
        let mut tasks = JoinSet::new();
        for key in keys {
            let (clerk, answering, stopped, is_right) =
                (clerk.clone(), Arc::clone(&answering), stopped.clone(), is_right.clone());
            tasks.spawn(async move {
                while !*stopped.borrow() {
                    match view(&clerk, &key).await {
                        Ok(answer) => {
                            assert!(is_right(&key, &answer), "{key} is not {answer:?}");
                            answering.send_modify(|pods| _ = pods.insert(answer.pod));
                        }
                        Err(status) if is_broken_answer(&status) => {}
                        Err(status) => return Err(status),
                    }
                }
                Ok(())
            });
        }
        Self { answered, stop, tasks }
    }

    /// Waits until the pods that have answered so far satisfy the predicate.
    pub(crate) async fn until(&mut self, wanted: impl FnMut(&BTreeSet<String>) -> bool) {
        timeout(DEADLINE, self.answered.wait_for(wanted))
            .await
            .unwrap()
            .unwrap();
    }

    /// Ends the clients; all requests have to be answered.
    pub(crate) async fn end(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = timeout(DEADLINE, self.tasks.join_next()).await.unwrap() {
            ended.unwrap().unwrap();
        }
    }
}

/// Settings with which a request fails only if no pod ever answers it.
pub(crate) fn patient() -> ClerkSettings {
    ClerkSettings {
        deadline: DEADLINE,
        retry_wait_max: DEADLINE,
        retries: RetryBudgetSettings {
            per_thousand: 1_000,
            floor_per_second: 1_000,
            saved_max: 1_000,
        },
        ..ClerkSettings::default()
    }
}

pub(crate) fn view_of(key: &str) -> ViewRequest {
    ViewRequest {
        key: key.to_owned(),
        load_milli: 0,
    }
}

pub(crate) async fn view(clerk: &Clerk, key: &str) -> Result<ViewResponse, Status> {
    let mut client = DemoClient::new(clerk.for_key(key).idempotent());
    Ok(client.view(view_of(key)).await?.into_inner())
}

/// Whether the pod died in the middle of an answer, which the clerk had passed on already and cannot retry.
fn is_broken_answer(status: &Status) -> bool {
    let source = status.source();
    source.is_some_and(|source| source.downcast_ref::<ClerkError>().is_none())
}
