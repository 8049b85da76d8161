//! The messages between a slicelet and the leading assigner.

use std::time::Duration;

use emberkeep_core::assignment::{Generation, Update};
use emberkeep_core::keyspace::Slice;
use emberkeep_core::load::LoadReport;
use emberkeep_core::pod::{Pod, PodPhase};
use emberkeep_core::rate::Rate;
use emberkeep_core::session_settings::SessionSettings;
use emberkeep_core::target::TargetName;
use emberkeep_core::warmth::Warmth;

use super::InvalidMessage;
use super::invalid_message::required;
use super::modes::{key_mode_of, misroute_mode_of, ownership_mode_of, pod_phase_of};
use super::slice::generation;
use super::target_settings::millis;
use super::watch::target_name;
use crate::pb;

/// A message of a slicelet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromSlicelet {
    /// The first message: the identity of the pod.
    Register(Registration),
    /// Sent periodically: the pod is alive, with its phase and progress.
    Heartbeat(Heartbeat),
    /// Sent periodically: the load of the pod's slices.
    LoadReport(LoadReport),
}

/// The registration of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The target whose slices the pod offers to own.
    pub target: TargetName,
    /// The pod, with address and incarnation.
    pub pod: Pod,
    /// The generation of the slicelet's assignment.
    pub known: Generation,
}

/// The periodic state of a slicelet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The phase of the pod.
    pub phase: PodPhase,
    /// The generation that the slicelet has applied.
    pub applied: Generation,
    /// The object store requests a second that the pod would make without a limit.
    pub store_demand: Rate,
    /// The warmth of the slices of the last warm order.
    pub warming: Vec<(Slice, Warmth)>,
}

/// A message of the assigner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromAssigner {
    /// The first message: the settings of the session.
    Welcome(SessionSettings),
    /// A new assignment, in full or as a diff.
    Update(Update),
    /// The drain is complete: the pod owns no slice and may exit.
    MayExit,
    /// The pod's limit on object store requests a second; `None` lifts the limit.
    StoreGrant(Option<Rate>),
    /// The slices for the pod to warm. Each order replaces the one before.
    WarmOrder(Vec<Slice>),
}

impl TryFrom<pb::SessionRequest> for FromSlicelet {
    type Error = InvalidMessage;

    fn try_from(wire: pb::SessionRequest) -> Result<Self, InvalidMessage> {
        use pb::session_request::Message;
        match wire.message {
            Some(Message::Register(register)) => required(Some(register), "register").map(Self::Register),
            Some(Message::Heartbeat(heartbeat)) => required(Some(heartbeat), "heartbeat").map(Self::Heartbeat),
            Some(Message::LoadReport(report)) => required(Some(report), "load_report").map(Self::LoadReport),
            None => Err(InvalidMessage::missing("message")),
        }
    }
}

impl From<&FromSlicelet> for pb::SessionRequest {
    fn from(message: &FromSlicelet) -> Self {
        use pb::session_request::Message;
        let message = match message {
            FromSlicelet::Register(registration) => Message::Register(registration.into()),
            FromSlicelet::Heartbeat(heartbeat) => Message::Heartbeat(heartbeat.into()),
            FromSlicelet::LoadReport(report) => Message::LoadReport(report.into()),
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<pb::Register> for Registration {
    type Error = InvalidMessage;

    fn try_from(wire: pb::Register) -> Result<Self, InvalidMessage> {
        Ok(Self {
            target: target_name(&wire.target)?,
            pod: required(wire.pod, "pod")?,
            known: generation(wire.known_generation, "known_generation")?,
        })
    }
}

impl From<&Registration> for pb::Register {
    fn from(registration: &Registration) -> Self {
        Self {
            target: registration.target.as_str().to_owned(),
            pod: Some((&registration.pod).into()),
            known_generation: registration.known.number(),
        }
    }
}

impl TryFrom<pb::Heartbeat> for Heartbeat {
    type Error = InvalidMessage;

    fn try_from(wire: pb::Heartbeat) -> Result<Self, InvalidMessage> {
        Ok(Self {
            phase: pod_phase_of(wire.phase)?,
            applied: generation(wire.applied_generation, "applied_generation")?,
            store_demand: Rate::from_milli(wire.store_demand_milli),
            warming: warming_of(wire.warming)?,
        })
    }
}

impl From<&Heartbeat> for pb::Heartbeat {
    fn from(heartbeat: &Heartbeat) -> Self {
        Self {
            phase: pb::PodPhase::from(heartbeat.phase).into(),
            applied_generation: heartbeat.applied.number(),
            store_demand_milli: heartbeat.store_demand.milli(),
            warming: heartbeat.warming.iter().map(slice_warmth).collect(),
        }
    }
}

fn warming_of(wire: Vec<pb::SliceWarmth>) -> Result<Vec<(Slice, Warmth)>, InvalidMessage> {
    let read = |wire: pb::SliceWarmth| {
        let share = wire.heat_share_thousandths;
        if share > Warmth::WHOLE {
            let reason = format!("it is {share}, but must be at most {}", Warmth::WHOLE);
            return Err(InvalidMessage::new("heat_share_thousandths", reason));
        }
        let warmth = Warmth {
            heat_share_thousandths: share,
            size: wire.size,
            is_complete: wire.is_complete,
        };
        Ok((required(wire.slice, "slice")?, warmth))
    };
    wire.into_iter().map(read).collect()
}

fn slice_warmth((slice, warmth): &(Slice, Warmth)) -> pb::SliceWarmth {
    pb::SliceWarmth {
        slice: Some(slice.into()),
        heat_share_thousandths: warmth.heat_share_thousandths,
        size: warmth.size,
        is_complete: warmth.is_complete,
    }
}

impl TryFrom<pb::SessionResponse> for FromAssigner {
    type Error = InvalidMessage;

    fn try_from(wire: pb::SessionResponse) -> Result<Self, InvalidMessage> {
        use pb::session_response::Message;
        match wire.message {
            Some(Message::Welcome(welcome)) => required(Some(welcome), "welcome").map(Self::Welcome),
            Some(Message::Update(update)) => required(Some(update), "update").map(Self::Update),
            Some(Message::StoreGrant(grant)) => Ok(Self::StoreGrant(grant.rate_milli.map(Rate::from_milli))),
            Some(Message::WarmOrder(order)) => {
                let slices = order.slices.into_iter().map(Slice::try_from);
                Ok(Self::WarmOrder(slices.collect::<Result<_, _>>()?))
            }
            Some(Message::Directive(number)) => match pb::Directive::try_from(number) {
                Ok(pb::Directive::MayExit) => Ok(Self::MayExit),
                Ok(pb::Directive::Unspecified) | Err(_) => {
                    let reason = format!("{number} is unknown, allowed is one of: may_exit");
                    Err(InvalidMessage::new("directive", reason))
                }
            },
            None => Err(InvalidMessage::missing("message")),
        }
    }
}

impl From<&FromAssigner> for pb::SessionResponse {
    fn from(message: &FromAssigner) -> Self {
        use pb::session_response::Message;
        let message = match message {
            FromAssigner::Welcome(settings) => Message::Welcome(settings.into()),
            FromAssigner::Update(update) => Message::Update(update.into()),
            FromAssigner::MayExit => Message::Directive(pb::Directive::MayExit.into()),
            FromAssigner::StoreGrant(rate) => Message::StoreGrant(pb::StoreGrant {
                rate_milli: rate.map(Rate::milli),
            }),
            FromAssigner::WarmOrder(slices) => Message::WarmOrder(pb::WarmOrder {
                slices: slices.iter().map(pb::Slice::from).collect(),
            }),
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<pb::Welcome> for SessionSettings {
    type Error = InvalidMessage;

    fn try_from(wire: pb::Welcome) -> Result<Self, InvalidMessage> {
        Ok(Self {
            key_mode: key_mode_of(wire.key_mode)?,
            ownership: ownership_mode_of(wire.ownership)?,
            heartbeat_interval: interval(wire.heartbeat_interval_ms, "heartbeat_interval_ms")?,
            load_report_interval: interval(wire.load_report_interval_ms, "load_report_interval_ms")?,
            drain_timeout: Duration::from_millis(wire.drain_timeout_ms),
            warm_share_thousandths: wire.warm_share_thousandths,
            misroute: misroute_mode_of(wire.misroute)?,
        })
    }
}

impl From<&SessionSettings> for pb::Welcome {
    fn from(settings: &SessionSettings) -> Self {
        Self {
            key_mode: pb::KeyMode::from(settings.key_mode).into(),
            ownership: pb::OwnershipMode::from(settings.ownership).into(),
            heartbeat_interval_ms: millis(settings.heartbeat_interval),
            load_report_interval_ms: millis(settings.load_report_interval),
            drain_timeout_ms: millis(settings.drain_timeout),
            warm_share_thousandths: settings.warm_share_thousandths,
            misroute: pb::MisrouteMode::from(settings.misroute).into(),
        }
    }
}

/// The interval of a periodic action, at least 1 ms.
fn interval(millis: u64, field: &str) -> Result<Duration, InvalidMessage> {
    match millis {
        0 => Err(InvalidMessage::new(field, "it is 0, but must be at least 1")),
        _ => Ok(Duration::from_millis(millis)),
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_core::assigner::TargetSettings;
    use emberkeep_core::target::{KeyMode, MisrouteMode};

    use super::*;

    #[test]
    fn a_welcome_carries_the_settings_of_the_target() {
        let mut settings = TargetSettings::default();
        settings.health.load_report_interval = Duration::from_secs(9);
        settings.key_mode = KeyMode::Ordered;
        settings.misroute = MisrouteMode::Forward;
        let sent = SessionSettings::from(&settings);
        let received = SessionSettings::try_from(pb::Welcome::from(&sent)).unwrap();
        assert_eq!(received, sent);
        assert_eq!(received.load_report_interval, Duration::from_secs(9));
        assert_eq!(received.key_mode, KeyMode::Ordered);
        assert_eq!(received.misroute, MisrouteMode::Forward);
        assert_eq!(received.drain_timeout, settings.handoff.drain_timeout);
    }

    #[test]
    fn a_heartbeat_interval_of_zero_is_rejected() {
        let wire = pb::Welcome {
            heartbeat_interval_ms: 0,
            ..pb::Welcome::from(&SessionSettings::UNTIL_REGISTERED)
        };
        let error = SessionSettings::try_from(wire).unwrap_err().to_string();
        assert_eq!(error, "heartbeat_interval_ms: it is 0, but must be at least 1");
    }
}
