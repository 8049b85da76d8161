//! `emberkeep admin`: inspecting and changing a running cluster.

mod activity;
mod args;
mod events;
mod explained;
mod keys;
mod report;
mod settings;
mod subject;
mod top;
mod top_view;
mod views;

use std::time::Duration;

use emberkeep_assigner::AssignerAdmin;
use emberkeep_proto::pb;
use tokio::time::timeout;

pub(crate) use self::args::AdminArgs;
use self::args::AdminCommand;
use self::report::AdminReport;
use crate::exit::CommandError;
use crate::output;

/// The default deadline of a command.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);
/// The default deadline of `drain --wait`.
const DEFAULT_WAIT: Duration = Duration::from_secs(600);

/// Runs one command and prints its output.
pub(crate) async fn run(args: AdminArgs) -> Result<(), CommandError> {
    crate::log::to_stderr("warn");
    let admin = AssignerAdmin::new(args.assigner, args.timeout.unwrap_or(DEFAULT_TIMEOUT));
    let wait = args.timeout.unwrap_or(DEFAULT_WAIT);
    match args.command {
        AdminCommand::Events { target, follow, last } => {
            events::run(&admin, &target, last as usize, follow, args.json).await
        }
        AdminCommand::Top { target } => top::run(&admin, &target, args.json).await,
        command => {
            let report = perform(&admin, command, wait).await?;
            output::print(report.shown(args.json))
        }
    }
}

async fn perform(
    admin: &AssignerAdmin,
    command: AdminCommand,
    deadline: Duration,
) -> Result<AdminReport, CommandError> {
    match command {
        AdminCommand::Targets => Ok(views::targets(&admin.targets().await?)),
        AdminCommand::Target { target } => Ok(views::target(&admin.target(&target).await?)),
        AdminCommand::CreateTarget { target, settings } => {
            admin.create_target(&target, settings.to_wire()).await?;
            Ok(AdminReport::Done(format!("target {target} created")))
        }
        AdminCommand::ConfigureTarget { target, settings } => {
            admin.configure_target(&target, settings.to_wire()).await?;
            Ok(AdminReport::Done(format!("target {target} configured")))
        }
        AdminCommand::Freeze { target } => freeze(admin, &target, true).await,
        AdminCommand::Unfreeze { target } => freeze(admin, &target, false).await,
        AdminCommand::Drain { target, pod, wait } => drain(admin, &target, &pod, wait.then_some(deadline)).await,
        AdminCommand::Pin { target, keys, pod } => {
            admin.pin(&target, keys.to_wire()?, &pod).await?;
            Ok(AdminReport::Done(format!("{keys} of target {target} pinned to {pod}")))
        }
        AdminCommand::Unpin { target, keys } => {
            admin.unpin(&target, keys.to_wire()?).await?;
            Ok(AdminReport::Done(format!("{keys} of target {target} no longer pinned")))
        }
        AdminCommand::Release { target, keys } => {
            admin.release(&target, keys.to_wire()?).await?;
            Ok(AdminReport::Done(format!(
                "{keys} of target {target} no longer poisoned"
            )))
        }
        AdminCommand::Explain { target, subject } => {
            let explained = admin.explain_subject(&target, subject.to_wire()).await?;
            Ok(subject.report(&explained))
        }
        AdminCommand::Events { .. } | AdminCommand::Top { .. } => unreachable!("they print while they run"),
        AdminCommand::Decisions { target, last } => Ok(explained::decisions(&admin.explain(&target, last).await?)),
        AdminCommand::Plan {
            target,
            without,
            balance,
        } => Ok(explained::plan(&admin.plan(&target, without, balance).await?)),
        AdminCommand::Cluster => Ok(views::cluster(&admin.cluster().await?)),
        AdminCommand::Loads { target } => Ok(views::loads(&admin.loads(&target).await?)),
        AdminCommand::AddMember { id, url } => {
            let address = url.clone();
            admin.add_member(pb::Member { id, address }).await?;
            Ok(AdminReport::Done(format!("member {id} at {url} added")))
        }
        AdminCommand::RemoveMember { id } => {
            admin.remove_member(id).await?;
            Ok(AdminReport::Done(format!("member {id} removed")))
        }
    }
}

/// Marks the pod as draining. With a deadline, waits until it owns nothing, and shows the remaining slices on standard
/// error.
async fn drain(
    admin: &AssignerAdmin,
    target: &str,
    pod: &str,
    wait: Option<Duration>,
) -> Result<AdminReport, CommandError> {
    let Some(wait) = wait else {
        admin.drain(target, pod).await?;
        return Ok(AdminReport::Done(format!("pod {pod} of target {target} is draining")));
    };
    let mut left = String::new();
    let drained = admin.drain_to_end(target, pod, |remaining| {
        eprintln!("{pod}: {remaining}");
        left = format!(": {remaining}");
    });
    let outcome = timeout(wait, drained).await;
    match outcome {
        Ok(Ok(())) => Ok(AdminReport::Done(format!("pod {pod} of target {target} has drained"))),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(CommandError::failed(format!(
            "pod {pod} of target {target} had not drained within {wait:?}{left}"
        ))),
    }
}

async fn freeze(admin: &AssignerAdmin, target: &str, is_frozen: bool) -> Result<AdminReport, CommandError> {
    admin.freeze(target, is_frozen).await?;
    Ok(AdminReport::Done(match is_frozen {
        true => format!("target {target} frozen: no slice moves, not even from a pod that dies"),
        false => format!("target {target} no longer frozen"),
    }))
}
