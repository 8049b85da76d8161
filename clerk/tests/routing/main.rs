//! A clerk between real pods and a real source of assignments, on sockets of this machine.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop anywhere")]

mod assigner;
mod attempts;
mod hearsay;
mod owners;
mod patience;
mod pod;
mod reports;

use std::time::Duration;

use assigner::{TARGET, TestAssigner};
use emberkeep_clerk::{Clerk, ClerkError, ClerkSettings, Routed};
use emberkeep_core::assignment::Generation;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(20);

/// Settings with which no request ends for lack of patience.
fn patient() -> ClerkSettings {
    ClerkSettings {
        deadline: DEADLINE,
        retry_wait_max: DEADLINE,
        ..ClerkSettings::default()
    }
}

/// A clerk that has no assignment yet.
async fn clerk_of(assigner: &TestAssigner, settings: ClerkSettings) -> Clerk {
    let builder = Clerk::builder(TARGET).assigner(format!("http://{}", assigner.address));
    builder.settings(settings).connect().await.unwrap()
}

/// Waits until requests are routed by that generation.
async fn routed_by(clerk: &Clerk, generation: Generation) {
    let mut newest = clerk.assignment();
    let is_there = newest.wait_for(|held| {
        held.as_ref()
            .is_some_and(|held| held.assignment.generation() >= generation)
    });
    tokio::time::timeout(DEADLINE, is_there).await.unwrap().unwrap();
}

/// Waits until so many requests wait for a pod.
async fn waiting(clerk: &Clerk, count: u64) {
    let waiting = async {
        while clerk.stats().waiting != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap();
}

/// Asks the pod that owns a key for its name, as a generated client would.
async fn ask(routed: Routed) -> Result<String, Status> {
    ask_with(routed, String::new()).await
}

async fn ask_with(routed: Routed, message: String) -> Result<String, Status> {
    let mut grpc = tonic::client::Grpc::new(routed);
    grpc.ready().await?;
    let path = http::uri::PathAndQuery::from_static("/test.Echo/Ask");
    let answer = grpc.unary(Request::new(message), path, ProstCodec::<String, String>::default());
    Ok(answer.await?.into_inner())
}

/// The error of the clerk behind a status.
fn clerk_error(status: &Status) -> &ClerkError {
    let source = std::error::Error::source(status).unwrap();
    source.downcast_ref().unwrap()
}
