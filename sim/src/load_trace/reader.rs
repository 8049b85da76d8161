//! Reads a load trace line by line, in memory for one line.

use std::collections::BTreeSet;
use std::io::{BufRead, Read};
use std::time::Duration;

use emberkeep_core::balancer::Imbalance;
use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;

use super::line::{EventName, ImbalanceName, Line, Rate};
use super::{LoadTraceError, LoadTraceFault, TraceConfig, TraceEvent, TraceWhat};

/// The longest line that is read: the loads of several million keys fit.
pub const LINE_BYTES_MAX: usize = 256 << 20;

/// An iterator over the events of a load trace, [`TraceWhat::End`] being the last.
///
/// Strict: times never go back, pods join and go only once each time, some pod is always there, no field is unknown.
/// The first wrong line is the last item.
pub struct LoadTraceReader<R> {
    input: R,
    line: u64,
    buffer: Vec<u8>,
    config: TraceConfig,
    previous_ms: u64,
    pods: BTreeSet<PodName>,
    has_load: bool,
    is_done: bool,
}

impl<R: BufRead> LoadTraceReader<R> {
    /// Reads and checks the configuration.
    ///
    /// # Errors
    /// When the first line is none.
    pub fn try_new(mut input: R) -> Result<Self, LoadTraceError> {
        let mut buffer = Vec::new();
        let config = next_line(&mut input, &mut buffer)
            .and_then(|line| line.ok_or(LoadTraceFault::NoConfig))
            .and_then(|line| config_of(&line))
            .map_err(|fault| LoadTraceError { line: 1, fault })?;
        Ok(Self {
            input,
            line: 1,
            buffer,
            config,
            previous_ms: 0,
            pods: BTreeSet::new(),
            has_load: false,
            is_done: false,
        })
    }

    /// What the first line says.
    pub fn config(&self) -> &TraceConfig {
        &self.config
    }

    fn next_event(&mut self) -> Result<TraceEvent, LoadTraceFault> {
        self.line += 1;
        let line = next_line(&mut self.input, &mut self.buffer)?.ok_or(LoadTraceFault::NoEnd)?;
        self.pass_time_to(line.at_ms)?;
        let at_ms = line.at_ms;
        let what = what_of(line)?;
        self.follow(&what)?;
        Ok(TraceEvent { at_ms, what })
    }

    fn pass_time_to(&mut self, at_ms: u64) -> Result<(), LoadTraceFault> {
        let previous_ms = self.previous_ms;
        if at_ms < previous_ms {
            return Err(LoadTraceFault::OutOfOrder { at_ms, previous_ms });
        }
        if at_ms > previous_ms && self.pods.is_empty() {
            return Err(LoadTraceFault::NoPods { from_ms: previous_ms });
        }
        self.previous_ms = at_ms;
        Ok(())
    }

    /// Keeps track of who is there.
    fn follow(&mut self, what: &TraceWhat) -> Result<(), LoadTraceFault> {
        match what {
            TraceWhat::PodsAdded(pods) => pods.iter().try_for_each(|pod| self.join(pod)),
            TraceWhat::PodsCrashed(pods) | TraceWhat::PodsDrained(pods) => pods.iter().try_for_each(|pod| self.go(pod)),
            TraceWhat::LoadSet(loads) => {
                self.has_load |= loads.iter().any(|(_, load)| *load > Load::ZERO);
                Ok(())
            }
            TraceWhat::End if !self.has_load => Err(LoadTraceFault::NoLoad),
            TraceWhat::End => self.expect_nothing_more(),
        }
    }

    fn join(&mut self, pod: &PodName) -> Result<(), LoadTraceFault> {
        let pod_name = pod.to_string();
        let is_new = self.pods.insert(pod.clone());
        is_new
            .then_some(())
            .ok_or(LoadTraceFault::AlreadyThere { pod: pod_name })
    }

    fn go(&mut self, pod: &PodName) -> Result<(), LoadTraceFault> {
        let was_there = self.pods.remove(pod);
        was_there
            .then_some(())
            .ok_or_else(|| LoadTraceFault::NotThere { pod: pod.to_string() })
    }

    fn expect_nothing_more(&mut self) -> Result<(), LoadTraceFault> {
        if self.previous_ms == 0 {
            return Err(out_of_range("at_ms of the end", 0, "above 0"));
        }
        if read_line(&mut self.input, &mut self.buffer)? {
            self.line += 1;
            return Err(LoadTraceFault::AfterEnd);
        }
        Ok(())
    }
}

impl<R: BufRead> Iterator for LoadTraceReader<R> {
    type Item = Result<TraceEvent, LoadTraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let event = self.next_event();
        self.is_done = match &event {
            Ok(event) => event.what == TraceWhat::End,
            Err(_) => true,
        };
        let line = self.line;
        Some(event.map_err(|fault| LoadTraceError { line, fault }))
    }
}

fn next_line(input: &mut impl BufRead, buffer: &mut Vec<u8>) -> Result<Option<Line>, LoadTraceFault> {
    match read_line(input, buffer)? {
        true => Line::parse(buffer).map(Some),
        false => Ok(None),
    }
}

/// Fills the buffer with the next line; answers whether there was one.
fn read_line(input: &mut impl BufRead, buffer: &mut Vec<u8>) -> Result<bool, LoadTraceFault> {
    buffer.clear();
    let read = input.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', buffer);
    match read {
        Err(error) => Err(LoadTraceFault::Unreadable {
            reason: error.to_string(),
        }),
        Ok(byte_count) if byte_count > LINE_BYTES_MAX => Err(LoadTraceFault::LineTooLong),
        Ok(byte_count) => Ok(byte_count > 0),
    }
}

fn config_of(line: &Line) -> Result<TraceConfig, LoadTraceFault> {
    if line.event != EventName::Config {
        return Err(LoadTraceFault::NoConfig);
    }
    refuse_unless(line.at_ms == 0, "at_ms of the config", line.at_ms, "0")?;
    refuse_fields(line, &["pods", "loads"])?;
    let missing = |field| LoadTraceFault::Missing { event: "config", field };
    let Rate(max_load_hint) = line.max_load_hint.ok_or(missing("max_load_hint"))?;
    let imbalance = line.imbalance.ok_or(missing("imbalance"))?;
    let min_replicas = line.min_replicas.ok_or(missing("min_replicas"))?;
    let max_replicas = line.max_replicas.ok_or(missing("max_replicas"))?;
    let decide_every_ms = line.decide_every_ms.ok_or(missing("decide_every_ms"))?;
    let has_hint = max_load_hint > Load::ZERO;
    refuse_unless(has_hint, "max_load_hint", max_load_hint, "at least 0.001")?;
    refuse_unless(min_replicas > 0, "min_replicas", min_replicas, "at least 1")?;
    let is_range = max_replicas >= min_replicas;
    refuse_unless(is_range, "max_replicas", max_replicas, "at least min_replicas")?;
    refuse_unless(decide_every_ms > 0, "decide_every_ms", decide_every_ms, "at least 1")?;
    Ok(TraceConfig {
        max_load_hint,
        imbalance: imbalance_of(imbalance),
        min_replicas,
        max_replicas,
        decide_every: Duration::from_millis(decide_every_ms),
    })
}

fn imbalance_of(name: ImbalanceName) -> Imbalance {
    match name {
        ImbalanceName::Tight => Imbalance::Tight,
        ImbalanceName::Default => Imbalance::Default,
        ImbalanceName::Loose => Imbalance::Loose,
    }
}

fn what_of(line: Line) -> Result<TraceWhat, LoadTraceFault> {
    let event = line.event.as_str();
    let missing = |field| LoadTraceFault::Missing { event, field };
    if line.event == EventName::Config {
        return Err(LoadTraceFault::SecondConfig);
    }
    refuse_fields(&line, fields_refused_by(line.event))?;
    let pods = line.pods.ok_or(missing("pods"));
    match line.event {
        EventName::PodsAdded => Ok(TraceWhat::PodsAdded(pods?)),
        EventName::PodsCrashed => Ok(TraceWhat::PodsCrashed(pods?)),
        EventName::PodsDrained => Ok(TraceWhat::PodsDrained(pods?)),
        EventName::LoadSet => {
            let loads = line.loads.ok_or(missing("loads"))?;
            Ok(TraceWhat::LoadSet(
                loads.into_iter().map(|(position, rate)| (position.0, rate.0)).collect(),
            ))
        }
        EventName::Config | EventName::End => Ok(TraceWhat::End),
    }
}

/// The fields of other events.
fn fields_refused_by(event: EventName) -> &'static [&'static str] {
    match event {
        EventName::PodsAdded | EventName::PodsCrashed | EventName::PodsDrained => &["loads", "settings"],
        EventName::LoadSet => &["pods", "settings"],
        EventName::Config => &["pods", "loads"],
        EventName::End => &["pods", "loads", "settings"],
    }
}

fn refuse_fields(line: &Line, fields: &[&'static str]) -> Result<(), LoadTraceFault> {
    let has_settings = line.max_load_hint.is_some()
        || line.imbalance.is_some()
        || line.min_replicas.is_some()
        || line.max_replicas.is_some()
        || line.decide_every_ms.is_some();
    let present = [
        ("pods", line.pods.is_some(), "pods_added, pods_crashed or pods_drained"),
        ("loads", line.loads.is_some(), "load_set"),
        ("settings", has_settings, "config"),
    ];
    let misplaced = present
        .into_iter()
        .find(|(field, is_present, _)| *is_present && fields.contains(field));
    match misplaced {
        None => Ok(()),
        Some((field, _, owner)) => Err(LoadTraceFault::Misplaced {
            event: line.event.as_str(),
            field: if field == "settings" {
                "setting of the target"
            } else {
                field
            },
            owner,
        }),
    }
}

fn refuse_unless(
    is_allowed: bool,
    field: &'static str,
    found: impl ToString,
    allowed: &'static str,
) -> Result<(), LoadTraceFault> {
    match is_allowed {
        true => Ok(()),
        false => Err(out_of_range(field, found, allowed)),
    }
}

fn out_of_range(field: &'static str, found: impl ToString, allowed: &'static str) -> LoadTraceFault {
    let found = found.to_string();
    LoadTraceFault::OutOfRange { field, found, allowed }
}
