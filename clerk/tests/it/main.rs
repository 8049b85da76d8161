//! A clerk between pods and a source of assignments, on real sockets of this machine.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod echo_pod;
mod metrics;
mod owner_hints;
mod owners;
mod reports;
mod retries;
mod tracing_spans;
mod waiting;

use echo_pod::EchoPod;
use emberkeep_clerk::{Clerk, ClerkError, ClerkSettings, Routed};
use emberkeep_core::assignment::Generation;
use emberkeep_core::target::TargetName;
use emberkeep_testkit::assignment_server::AssignmentServer;
use emberkeep_testkit::deadline::{DEADLINE, soon};
use emberkeep_testkit::string_service::StringClient;
use tonic::{Request, Status};

/// The target of all tests. Its keys are ordered, so that a test can compute the slice of a key.
const TARGET: &str = "profiles";

async fn assignment_server() -> AssignmentServer {
    AssignmentServer::start(TargetName::try_new(TARGET).unwrap()).await
}

/// A source of assignments, and the pods `a` and `b` that no assignment names yet.
async fn two_pods() -> (AssignmentServer, EchoPod, EchoPod) {
    (
        assignment_server().await,
        EchoPod::start("a").await,
        EchoPod::start("b").await,
    )
}

/// Settings whose waiting time is the deadline of the tests.
fn patient() -> ClerkSettings {
    ClerkSettings {
        deadline: DEADLINE,
        retry_wait_max: DEADLINE,
        ..ClerkSettings::default()
    }
}

/// A clerk that may have no assignment yet.
async fn connect(assigner: &AssignmentServer, settings: ClerkSettings) -> Clerk {
    let builder = Clerk::builder(TARGET).assigner(format!("http://{}", assigner.address));
    builder.settings(settings).connect().await.unwrap()
}

/// A clerk that has an assignment.
async fn ready(assigner: &AssignmentServer, settings: ClerkSettings) -> Clerk {
    let clerk = connect(assigner, settings).await;
    clerk.ready(DEADLINE).await.unwrap();
    clerk
}

/// Waits until requests are routed by that generation, or a newer one.
async fn routed_by(clerk: &Clerk, generation: Generation) {
    let mut newest = clerk.assignment();
    let is_there = newest.wait_for(|held| {
        held.as_ref()
            .is_some_and(|held| held.assignment.generation() >= generation)
    });
    soon(is_there).await.unwrap();
}

/// Waits until `count` requests wait for a pod.
async fn waiting(clerk: &Clerk, count: u64) {
    let waiting = async {
        while clerk.stats().waiting != count {
            tokio::task::yield_now().await;
        }
    };
    soon(waiting).await;
}

/// Calls the owner of a key, which answers with its name.
async fn call(routed: Routed) -> Result<String, Status> {
    call_with(routed, String::new()).await
}

async fn call_with(routed: Routed, message: String) -> Result<String, Status> {
    let answer = StringClient::new(routed).unary(Request::new(message)).await;
    Ok(answer?.into_inner())
}

/// The error of the clerk behind a status.
fn clerk_error(status: &Status) -> &ClerkError {
    let source = std::error::Error::source(status).unwrap();
    source.downcast_ref().unwrap()
}
