//! Clients that ask for keys again and again, and have to be answered each time.

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

/// How long anything may take that must happen: only a fault reaches it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Requests for all keys, again and again, each of which has to be answered, or at least begun to be.
pub(crate) struct Viewers {
    answered: watch::Receiver<BTreeSet<String>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<(), Status>>,
}

impl Viewers {
    /// One client for each key; each answer has to be right.
    pub(crate) fn start(
        clerk: &Clerk,
        keys: impl IntoIterator<Item = String>,
        is_right: impl Fn(&str, &ViewResponse) -> bool + Clone + Send + 'static,
    ) -> Self {
        let (heard, answered) = watch::channel(BTreeSet::new());
        let (stop, stopped) = watch::channel(false);
        let heard = Arc::new(heard);
        let mut tasks = JoinSet::new();
        for key in keys {
            let (clerk, heard, stopped, is_right) =
                (clerk.clone(), Arc::clone(&heard), stopped.clone(), is_right.clone());
            tasks.spawn(async move {
                while !*stopped.borrow() {
                    match view(&clerk, &key).await {
                        Ok(answer) => {
                            assert!(is_right(&key, &answer), "{key} is not {answer:?}");
                            heard.send_modify(|pods| _ = pods.insert(answer.pod));
                        }
                        Err(status) if is_half_an_answer(&status) => {}
                        Err(status) => return Err(status),
                    }
                }
                Ok(())
            });
        }
        Self { answered, stop, tasks }
    }

    /// Waits until an answer comes with which it is so; asked with the pods that have answered so far.
    pub(crate) async fn until(&mut self, is_so: impl FnMut(&BTreeSet<String>) -> bool) {
        timeout(DEADLINE, self.answered.wait_for(is_so)).await.unwrap().unwrap();
    }

    /// Lets each request end; all have to be answered.
    pub(crate) async fn end(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = timeout(DEADLINE, self.tasks.join_next()).await.unwrap() {
            ended.unwrap().unwrap();
        }
    }
}

/// Settings with which a request fails only if nobody ever answers it.
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

/// An answer that has begun is the caller's; a clerk cannot ask for it again when the pod dies in the middle of it.
fn is_half_an_answer(status: &Status) -> bool {
    let source = status.source();
    source.is_some_and(|source| source.downcast_ref::<ClerkError>().is_none())
}
