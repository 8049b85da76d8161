//! The page of settings: of a target, from the settings of core and the flags that set them; of the SDKs, from their builders.

use std::time::Duration;

use clap::CommandFactory;
use emberkeep_core::assigner::TargetSettings;
use emberkeep_core::load::Load;

use super::commands::invocation;
use super::page::{ReferencePage, sentence};
use super::sdk;
use crate::args::Args;

/// A flag of `admin configure-target`, with the default and limits of its setting in core.
struct SettingFlag {
    flag: &'static str,
    /// The default, in the syntax of the flag.
    default: fn(&TargetSettings) -> String,
    /// Sets a numeric setting to a value outside its limits, so that the error names them.
    break_limits: Option<fn(&mut TargetSettings)>,
}

const FOREVER: Duration = Duration::MAX;

/// A setting with a fixed set of names.
macro_rules! choice {
    ($flag:literal $(.$field:ident)+) => {
        SettingFlag {
            flag: $flag,
            default: |settings| format!("{:?}", settings$(.$field)+).to_lowercase(),
            break_limits: None,
        }
    };
}

/// A setting with limits, and a value outside them.
macro_rules! limited {
    ($flag:literal $(.$field:ident)+, $text:expr, $outside:expr) => {
        SettingFlag {
            flag: $flag,
            default: |settings| $text(settings$(.$field)+),
            break_limits: Some(|settings| settings$(.$field)+ = $outside),
        }
    };
}

macro_rules! count {
    ($flag:literal $(.$field:ident)+) => {
        limited!($flag $(.$field)+, |count: u32| count.to_string(), 0)
    };
}

macro_rules! time {
    ($flag:literal $(.$field:ident)+) => {
        limited!($flag $(.$field)+, |time: Duration| format!("{time:?}"), FOREVER)
    };
}

fn settings() -> Vec<SettingFlag> {
    vec![
        choice!("key-mode".key_mode),
        limited!("max-load-hint".balancer.max_load_hint, units, Load::ZERO),
        choice!("imbalance".balancer.imbalance),
        count!("min-replicas".balancer.min_replicas),
        count!("max-replicas".balancer.max_replicas),
        count!("slices-per-pod-min".balancer.slices_per_pod_min),
        time!("gather".pacing.gather),
        time!("balance-interval".pacing.balance_interval),
        time!("settle".pacing.settle),
        time!("join-grace".pacing.join_grace),
        time!("emergency-interval".pacing.emergency_interval),
        time!("heartbeat-interval".health.heartbeat_interval),
        time!("load-report-interval".health.load_report_interval),
        count!("missed-heartbeats-max".health.missed_heartbeats_max),
        time!("dead-after".health.dead_after),
        time!("leader-grace".health.leader_grace),
        count!("mass-failure-share".health.mass_failure_share),
        time!("leave-linger".handoff.leave_linger),
        time!("drain-timeout".handoff.drain_timeout),
        choice!("transfer".handoff.transfer),
        limited!("warm-share".handoff.warm_share_thousandths, thousandths, u32::MAX),
        time!("warm-timeout".handoff.warm_timeout),
        count!("warming-per-pod-max".handoff.warming_per_pod_max),
        count!("warming-max".handoff.warming_max),
        limited!("store-rate".store.requests_per_second, rate, Some(u32::MAX)),
        choice!("misroute".misroute),
    ]
}

/// In whole units, as in the syntax of the flag.
fn units(load: Load) -> String {
    (load.milli() / 1_000).to_string()
}

fn thousandths(share: u32) -> String {
    share.to_string()
}

fn rate(requests_per_second: Option<u32>) -> String {
    requests_per_second.unwrap_or(0).to_string()
}

pub(super) fn page() -> String {
    let mut page = ReferencePage::new("Settings");
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

/// The limits named by core's error for an invalid value.
fn limits(break_limits: fn(&mut TargetSettings)) -> String {
    let mut settings = TargetSettings::default();
    break_limits(&mut settings);
    let error = settings.validated().unwrap_err().to_string();
    let (_, allowed) = error
        .split_once("allowed is ")
        .expect("the error names what is allowed");
    allowed.replace("86400s", "24h").replace("0ns", "0s")
}
