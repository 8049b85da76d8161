//! The page of settings: of a target, from the settings of core and the flags that set them; of the SDKs, from their builders.

use std::time::Duration;

use clap::CommandFactory;
use emberkeep_core::assigner::TargetSettings;
use emberkeep_core::load::Load;

use super::commands::invocation;
use super::page::{Page, sentence};
use super::sdk;
use crate::args::Args;

/// A flag of `admin configure-target`, with what core knows of its setting.
struct Setting {
    flag: &'static str,
    /// The default, as an operator writes it.
    default: fn(&TargetSettings) -> String,
    /// Puts a numeric setting out of its limits, so that the error names them.
    break_limits: Option<fn(&mut TargetSettings)>,
}

const fn choice(flag: &'static str, default: fn(&TargetSettings) -> String) -> Setting {
    let break_limits = None;
    Setting {
        flag,
        default,
        break_limits,
    }
}

const fn number(
    flag: &'static str,
    default: fn(&TargetSettings) -> String,
    break_limits: fn(&mut TargetSettings),
) -> Setting {
    let break_limits = Some(break_limits);
    Setting {
        flag,
        default,
        break_limits,
    }
}

const FOREVER: Duration = Duration::MAX;

fn settings() -> Vec<Setting> {
    vec![
        choice("key-mode", |s| word(s.key_mode)),
        number(
            "max-load-hint",
            |s| s.balancer.max_load_hint.to_string(),
            |s| s.balancer.max_load_hint = Load::ZERO,
        ),
        choice("imbalance", |s| word(s.balancer.imbalance)),
        number(
            "min-replicas",
            |s| s.balancer.min_replicas.to_string(),
            |s| s.balancer.min_replicas = 0,
        ),
        number(
            "max-replicas",
            |s| s.balancer.max_replicas.to_string(),
            |s| s.balancer.max_replicas = 0,
        ),
        number(
            "slices-per-pod-min",
            |s| s.balancer.slices_per_pod_min.to_string(),
            |s| s.balancer.slices_per_pod_min = 0,
        ),
        number("gather", |s| time(s.pacing.gather), |s| s.pacing.gather = FOREVER),
        number(
            "balance-interval",
            |s| time(s.pacing.balance_interval),
            |s| s.pacing.balance_interval = FOREVER,
        ),
        number("settle", |s| time(s.pacing.settle), |s| s.pacing.settle = FOREVER),
        number(
            "join-grace",
            |s| time(s.pacing.join_grace),
            |s| s.pacing.join_grace = FOREVER,
        ),
        number(
            "emergency-interval",
            |s| time(s.pacing.emergency_interval),
            |s| s.pacing.emergency_interval = FOREVER,
        ),
        number(
            "heartbeat-interval",
            |s| time(s.health.heartbeat_interval),
            |s| s.health.heartbeat_interval = FOREVER,
        ),
        number(
            "load-report-interval",
            |s| time(s.health.load_report_interval),
            |s| s.health.load_report_interval = FOREVER,
        ),
        number(
            "missed-heartbeats-max",
            |s| s.health.missed_heartbeats_max.to_string(),
            |s| s.health.missed_heartbeats_max = 0,
        ),
        number(
            "dead-after",
            |s| time(s.health.dead_after),
            |s| s.health.dead_after = FOREVER,
        ),
        number(
            "leader-grace",
            |s| time(s.health.leader_grace),
            |s| s.health.leader_grace = FOREVER,
        ),
        number(
            "mass-failure-share",
            |s| s.health.mass_failure_share.to_string(),
            |s| s.health.mass_failure_share = 0,
        ),
        number(
            "leave-linger",
            |s| time(s.handoff.leave_linger),
            |s| s.handoff.leave_linger = FOREVER,
        ),
        number(
            "drain-timeout",
            |s| time(s.handoff.drain_timeout),
            |s| s.handoff.drain_timeout = FOREVER,
        ),
        choice("transfer", |s| s.handoff.transfer.to_string()),
        number(
            "warm-share",
            |s| s.handoff.warm_share_thousandths.to_string(),
            |s| s.handoff.warm_share_thousandths = u32::MAX,
        ),
        number(
            "warm-timeout",
            |s| time(s.handoff.warm_timeout),
            |s| s.handoff.warm_timeout = FOREVER,
        ),
        number(
            "warming-per-pod-max",
            |s| s.handoff.warming_per_pod_max.to_string(),
            |s| s.handoff.warming_per_pod_max = 0,
        ),
        number(
            "warming-max",
            |s| s.handoff.warming_max.to_string(),
            |s| s.handoff.warming_max = 0,
        ),
        number(
            "store-rate",
            |s| s.store.requests_per_second.unwrap_or(0).to_string(),
            |s| s.store.requests_per_second = Some(u32::MAX),
        ),
        choice("misroute", |s| word(s.misroute)),
    ]
}

pub(super) fn page() -> String {
    let mut page = Page::new("Settings");
    page.heading(2, "Of a target");
    page.paragraph(
        "Set by `emberkeep admin create-target` and `configure-target`, replicated to all members, shown by `emberkeep admin target \
         TARGET`. A pod learns them when it registers.",
    );
    page.list(&target_settings());
    page.heading(2, "Of a pod");
    page.paragraph("Methods of `Slicelet::builder(target)`.");
    page.list(&sdk::methods("slicelet/src/builder.rs"));
    page.heading(2, "Of a client");
    page.paragraph("Methods of `Clerk::builder(target)`.");
    page.list(&sdk::methods("clerk/src/builder.rs"));
    page.paragraph("Fields of `ClerkSettings`.");
    page.list(&sdk::fields(
        "clerk/src/settings.rs",
        &format!("{:?}", emberkeep_clerk::ClerkSettings::default()),
    ));
    page.text()
}

/// An item for each flag that sets a setting.
fn target_settings() -> Vec<String> {
    let mut program = Args::command();
    program.build();
    let admin = program.find_subcommand("admin").expect("it is a command");
    let configure = admin.find_subcommand("configure-target").expect("it is a command");
    let flags = configure
        .get_arguments()
        .filter(|arg| arg.get_long().is_some() && !arg.is_global_set() && arg.get_id() != "help");
    let settings = settings();
    let items: Vec<String> = flags
        .map(|arg| {
            let flag = arg.get_long().unwrap();
            let found = settings.iter().find(|setting| setting.flag == flag);
            let setting = found.unwrap_or_else(|| panic!("--{flag} has no entry in this file"));
            let help = arg
                .get_help()
                .map(|help| sentence(&help.to_string()))
                .unwrap_or_default();
            let default = (setting.default)(&TargetSettings::default());
            let allowed = setting.break_limits.map_or_else(|| choices(arg), limits);
            format!(
                "`{}`: {help} Default: `{default}`. Allowed: {allowed}.",
                invocation(arg)
            )
        })
        .collect();
    assert_eq!(items.len(), settings.len(), "each entry of this file is a flag");
    items
}

fn choices(arg: &clap::Arg) -> String {
    let values = arg.get_possible_values();
    let names: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
    names.join(", ")
}

/// The limits that core names when they are broken.
fn limits(break_limits: fn(&mut TargetSettings)) -> String {
    let mut settings = TargetSettings::default();
    break_limits(&mut settings);
    let error = settings.validated().unwrap_err().to_string();
    let (_, allowed) = error
        .split_once("allowed is ")
        .expect("the error names what is allowed");
    allowed.replace("86400s", "24h").replace("0ns", "0s")
}

/// A choice, as the command line writes it.
fn word(choice: impl std::fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

fn time(duration: Duration) -> String {
    format!("{duration:?}")
}
