//! Clients that request keys repeatedly and require an answer to each request.

use std::collections::BTreeSet;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use emberkeep_clerk::{Clerk, ClerkError, ClerkSettings};
use emberkeep_core::assignment::Assignment;
use emberkeep_core::clerk::RetryBudgetSettings;
use emberkeep_proto::convert::NotOwner;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::Status;

use crate::demo::pb::demo_client::DemoClient;
use crate::demo::pb::{ViewRequest, ViewResponse};
use crate::{DEADLINE, LabError};

/// Repeated requests for all keys. Each must be answered, or fail after its answer has begun.
#[derive(Debug)]
pub struct Viewers {
    /// The names of the pods that have answered.
    answered: watch::Receiver<BTreeSet<String>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<(), LabError>>,
}

impl Viewers {
    /// Starts one client per key; each answer must be correct.
    pub fn start(
        clerk: &Clerk,
        keys: impl IntoIterator<Item = String>,
        is_right: impl Fn(&str, &ViewResponse) -> bool + Clone + Send + 'static,
    ) -> Self {
        let (answering, answered) = watch::channel(BTreeSet::new());
        let (stop, stopped) = watch::channel(false);
        let answering = Arc::new(answering);
        let mut tasks = JoinSet::new();
        for key in keys {
            let (clerk, answering) = (clerk.clone(), Arc::clone(&answering));
            let (stopped, is_right) = (stopped.clone(), is_right.clone());
            tasks.spawn(async move {
                while !*stopped.borrow() {
                    match view(&clerk, &key).await {
                        Ok(answer) if is_right(&key, &answer) => {
                            answering.send_modify(|pods| _ = pods.insert(answer.pod));
                        }
                        Ok(answer) => return Err(LabError::failed(format!("{key} is not {answer:?}"))),
                        Err(status) if is_broken_answer(&status) => {}
                        Err(status) => return Err(LabError::failed(format!("{key}: {status}"))),
                    }
                }
                Ok(())
            });
        }
        Self { answered, stop, tasks }
    }

    /// Waits until the pods that have answered so far satisfy the predicate.
    ///
    /// # Errors
    /// If they do not within [`DEADLINE`].
    pub async fn until(&mut self, wanted: impl FnMut(&BTreeSet<String>) -> bool) -> Result<(), LabError> {
        match timeout(DEADLINE, self.answered.wait_for(wanted)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(LabError::failed("all viewers have ended")),
            Err(_) => Err(LabError::failed(format!(
                "the viewers got no such answers within {DEADLINE:?}"
            ))),
        }
    }

    /// Ends the clients.
    ///
    /// # Errors
    /// If a request failed, or an answer was wrong.
    pub async fn end(mut self) -> Result<(), LabError> {
        self.stop.send_replace(true);
        let ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.map_err(LabError::failed)??;
            }
            Ok(())
        };
        let late = |_| LabError::failed(format!("a request was not answered within {DEADLINE:?}"));
        timeout(DEADLINE, ended).await.map_err(late)?
    }
}

/// The default settings, with a deadline that only a fault exceeds.
pub fn ample_deadline() -> ClerkSettings {
    ClerkSettings {
        deadline: DEADLINE,
        retry_wait_max: DEADLINE,
        ..ClerkSettings::default()
    }
}

/// Settings with which a request fails only if no pod ever answers it.
pub fn ample_deadline_and_retries() -> ClerkSettings {
    ClerkSettings {
        retries: RetryBudgetSettings {
            per_thousand: 1_000,
            floor_per_second: 1_000,
            saved_max: 1_000,
        },
        ..ample_deadline()
    }
}

/// Requests a key's value from its owner.
///
/// # Errors
/// As the clerk or the pod.
pub async fn view(clerk: &Clerk, key: &str) -> Result<ViewResponse, Status> {
    let mut client = DemoClient::new(clerk.for_key(key).idempotent());
    Ok(client.view(view_of(key)).await?.into_inner())
}

/// Sends a request only to the pod at this address; returns whether the pod answers that it does not own the key.
pub async fn denies_ownership(pod: SocketAddr, key: &str) -> bool {
    let Ok(mut client) = DemoClient::connect(format!("http://{pod}")).await else {
        return false;
    };
    let answer = timeout(DEADLINE, client.view(view_of(key))).await;
    answer.is_ok_and(|answer| answer.is_err_and(|status| NotOwner::from_status(&status).is_some()))
}

/// Waits until the clerk has an assignment that satisfies the predicate.
///
/// # Errors
/// If it has none within [`DEADLINE`].
pub async fn wait_until_assigned(clerk: &Clerk, mut wanted: impl FnMut(&Assignment) -> bool) -> Result<(), LabError> {
    let mut newest = clerk.assignment();
    let assigned = newest.wait_for(|held| held.as_ref().is_some_and(|held| wanted(&held.assignment)));
    match timeout(DEADLINE, assigned).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(LabError::failed("the clerk has ended")),
        Err(_) => Err(LabError::failed(format!(
            "the clerk got no such assignment within {DEADLINE:?}"
        ))),
    }
}

/// Waits until the clerk has an assignment whose pods satisfy the predicate.
///
/// # Errors
/// As [`wait_until_assigned`].
pub async fn wait_until_owned(clerk: &Clerk, wanted: impl Fn(&BTreeSet<&str>) -> bool) -> Result<(), LabError> {
    let names = |assignment: &Assignment| wanted(&assignment.pods().iter().map(|pod| pod.name.as_str()).collect());
    wait_until_assigned(clerk, names).await
}

fn view_of(key: &str) -> ViewRequest {
    ViewRequest {
        key: key.to_owned(),
        load_milli: 0,
    }
}

/// Whether the pod died in the middle of an answer, which the clerk had passed on already and cannot retry.
fn is_broken_answer(status: &Status) -> bool {
    let source = status.source();
    source.is_some_and(|source| source.downcast_ref::<ClerkError>().is_none())
}
