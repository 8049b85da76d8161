//! The one binary of Emberkeep: arguments, calls and printing.

mod admin;
mod args;
mod assigner;
mod bench;
mod dev;
mod exit;
mod file;
mod health;
mod log;
mod output;
mod quantity;
mod sim;
mod stop;
mod telemetry;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Args, Command};
use self::exit::CommandError;

/// The allocator of static builds: musl's own serializes threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::failed(format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(perform(command));
    // The results of tasks that still run are not needed.
    runtime.shutdown_background();
    outcome
}

async fn perform(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Dev(args) => Box::pin(dev::run(args)).await,
        Command::Assigner(args) => Box::pin(assigner::run(args)).await,
        Command::Admin(args) => Box::pin(admin::run(args)).await,
        Command::Sim(args) => sim::run(args),
        Command::Bench(args) => Box::pin(bench::run(args)).await,
        Command::DevPod(args) => Box::pin(dev::run_pod(args)).await,
        Command::Health(args) => health::run(args).await,
        Command::DevClient(args) => Box::pin(dev::run_client(args)).await,
        Command::DevS3(args) => Box::pin(dev::run_s3(args)).await,
        Command::BenchReader(args) => Box::pin(bench::run_reader(args)).await,
        #[cfg(feature = "otlp")]
        Command::BenchCaller(args) => Box::pin(bench::run_caller(args)).await,
    }
}
