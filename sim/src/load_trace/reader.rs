//! Reads a load trace line by line, holding one line in memory.

use std::collections::BTreeSet;
use std::io::{BufRead, Read};

use emberkeep_core::load::Load;
use emberkeep_core::pod::PodName;

use super::checked::{config_of, kind_of, out_of_range};
use super::limits::LINE_BYTES_MAX;
use super::trace_line::TraceLine;
use super::{LoadTraceError, LoadTraceFault, TraceConfig, TraceEvent, TraceEventKind};

/// An iterator over the events of a load trace up to [`TraceEventKind::End`].
///
/// Strict: times never decrease, only absent pods join and only present ones leave, at least one pod is present whenever time
/// passes, and no field is unknown. The error of the first invalid line is the last item.
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
    /// Reads and validates the configuration.
    ///
    /// # Errors
    /// When the first line is not a valid configuration.
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

    /// The configuration in the first line.
    pub fn config(&self) -> &TraceConfig {
        &self.config
    }

    fn next_event(&mut self) -> Result<TraceEvent, LoadTraceFault> {
        self.line += 1;
        let line = next_line(&mut self.input, &mut self.buffer)?.ok_or(LoadTraceFault::NoEnd)?;
        self.advance_time_to(line.at_ms)?;
        let at_ms = line.at_ms;
        let what = kind_of(line, &self.config)?;
        self.track_pods_and_load(&what)?;
        Ok(TraceEvent { at_ms, what })
    }

    fn advance_time_to(&mut self, at_ms: u64) -> Result<(), LoadTraceFault> {
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

    /// Tracks which pods are present and whether any load was set.
    fn track_pods_and_load(&mut self, what: &TraceEventKind) -> Result<(), LoadTraceFault> {
        match what {
            TraceEventKind::PodsAdded(pods) => pods.iter().try_for_each(|pod| self.join(pod)),
            TraceEventKind::PodsCrashed(pods) | TraceEventKind::PodsDrained(pods) => {
                pods.iter().try_for_each(|pod| self.leave(pod))
            }
            TraceEventKind::LoadSet(loads) => {
                self.has_load |= loads.iter().any(|(_, load)| *load > Load::ZERO);
                Ok(())
            }
            TraceEventKind::End if !self.has_load => Err(LoadTraceFault::NoLoad),
            TraceEventKind::End => self.expect_nothing_more(),
        }
    }

    fn join(&mut self, pod: &PodName) -> Result<(), LoadTraceFault> {
        let pod_name = pod.to_string();
        let is_new = self.pods.insert(pod.clone());
        is_new
            .then_some(())
            .ok_or(LoadTraceFault::AlreadyThere { pod: pod_name })
    }

    fn leave(&mut self, pod: &PodName) -> Result<(), LoadTraceFault> {
        let was_present = self.pods.remove(pod);
        was_present
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
            Ok(event) => event.what == TraceEventKind::End,
            Err(_) => true,
        };
        let line = self.line;
        Some(event.map_err(|fault| LoadTraceError { line, fault }))
    }
}

fn next_line(input: &mut impl BufRead, buffer: &mut Vec<u8>) -> Result<Option<TraceLine>, LoadTraceFault> {
    match read_line(input, buffer)? {
        true => TraceLine::parse(buffer).map(Some),
        false => Ok(None),
    }
}

/// Fills the buffer with the next line; returns `false` at the end of the file.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use emberkeep_core::balancer::Imbalance;
    use proptest::prelude::*;

    use super::*;

    const CONFIG: &str = r#"{"at_ms":0,"event":"config","max_load_hint":1000.0,"imbalance":"LOOSE","min_replicas":1,"max_replicas":20,"decide_every_ms":5000}"#;
    const POD: &str = r#"{"at_ms":0,"event":"pods_added","pods":["a"]}"#;
    const LOAD: &str = r#"{"at_ms":0,"event":"load_set","loads":[["00ff00ff00ff00ff",5.3215e-01]]}"#;
    const END: &str = r#"{"at_ms":600000,"event":"end"}"#;

    fn read(lines: &[&str]) -> Result<Vec<TraceEvent>, LoadTraceError> {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        LoadTraceReader::try_new(text.as_bytes())?.collect()
    }

    fn error_of(lines: &[&str]) -> String {
        read(lines).unwrap_err().to_string()
    }

    #[test]
    fn lines_become_events_in_order() {
        let crash = r#"{"at_ms":60000,"event":"pods_crashed","pods":["b"]}"#;
        let drain = r#"{"event":"pods_drained","pods":["a"],"at_ms":70000}"#;
        let more = r#"{"at_ms":70000,"event":"pods_added","pods":["b"]}"#;
        let two = POD.replace(r#"["a"]"#, r#"["a","b"]"#);
        let events = read(&[CONFIG, &two, LOAD, crash, drain, more, END]).unwrap();
        let pod = |name: &str| PodName::try_new(name).unwrap();
        let expected = [
            (0, TraceEventKind::PodsAdded(vec![pod("a"), pod("b")])),
            (
                0,
                TraceEventKind::LoadSet(vec![(0x00ff_00ff_00ff_00ff, Load::from_milli(532))]),
            ),
            (60_000, TraceEventKind::PodsCrashed(vec![pod("b")])),
            (70_000, TraceEventKind::PodsDrained(vec![pod("a")])),
            (70_000, TraceEventKind::PodsAdded(vec![pod("b")])),
            (600_000, TraceEventKind::End),
        ];
        assert_eq!(events, expected.map(|(at_ms, what)| TraceEvent { at_ms, what }));
    }

    #[test]
    fn the_first_line_is_the_configuration() {
        let reader = LoadTraceReader::try_new(CONFIG.as_bytes()).unwrap();
        let expected = TraceConfig {
            max_load_hint: Load::from_units(1_000),
            imbalance: Imbalance::Loose,
            min_replicas: 1,
            max_replicas: 20,
            decide_every: Duration::from_secs(5),
        };
        assert_eq!(*reader.config(), expected);
    }

    #[test]
    fn an_invalid_configuration_is_rejected() {
        let with = |field: &str, value: &str| CONFIG.replace(field, value);
        let cases = [
            (
                POD.to_owned(),
                "line 1: the first line must be the config event, {\"at_ms\":0,\"event\":\"config\",\"max_load_hint\":...}",
            ),
            (
                with("\"min_replicas\":1,", ""),
                "line 1: the config event has no min_replicas",
            ),
            (
                with("\"min_replicas\":1", "\"min_replicas\":0"),
                "line 1: min_replicas is 0, it must be at least 1",
            ),
            (
                with("\"max_replicas\":20", "\"max_replicas\":0"),
                "line 1: max_replicas is 0, it must be at least min_replicas",
            ),
            (
                with("1000.0", "0.0001"),
                "line 1: max_load_hint is 0.000, it must be at least 0.001",
            ),
            (with("5000", "0"), "line 1: decide_every_ms is 0, it must be at least 1"),
            (
                with("LOOSE", "loose"),
                "line 1: column 70: unknown variant `loose`, expected one of `TIGHT`, `DEFAULT`, `LOOSE`",
            ),
        ];
        for (config, expected) in cases {
            assert_eq!(error_of(&[&config, POD, LOAD, END]), expected);
        }
    }

    #[test]
    fn each_invalid_line_is_rejected_with_what_is_allowed() {
        let cases = [
            ("{", "line 4: column 1: the line ends within an object"),
            ("", "line 4: column 0: the line ends within a value"),
            (CONFIG, "line 4: a second config event; only the first line may be one"),
            (
                POD,
                "line 4: pod \"a\" is added but present already; it must crash or drain first",
            ),
            (
                r#"{"at_ms":0,"event":"pods_drained","pods":["b"]}"#,
                "line 4: pod \"b\" crashes or drains but is not present; it must be added first",
            ),
            (
                r#"{"at_ms":0,"event":"pods_drained"}"#,
                "line 4: the pods_drained event has no pods",
            ),
            (
                r#"{"at_ms":0,"event":"load_set","pods":["a"]}"#,
                "line 4: the load_set event has a pods, which only pods_added, pods_crashed or pods_drained has",
            ),
            (
                r#"{"at_ms":0,"event":"end","min_replicas":1}"#,
                "line 4: the end event has a setting of the target, which only config has",
            ),
            (
                r#"{"at_ms":0,"event":"end"}"#,
                "line 4: at_ms of the end is 0, it must be above 0",
            ),
            (
                r#"{"at_ms":1,"event":"pause"}"#,
                "line 4: column 26: unknown variant `pause`, expected one of `config`, `pods_added`, `pods_crashed`, `pods_drained`, `load_set`, `end`",
            ),
            (
                r#"{"at_ms":0,"event":"load_set","loads":[["17",1]]}"#,
                "line 4: column 44: invalid value: string \"17\", expected a slice key of 16 hex digits",
            ),
            (
                r#"{"at_ms":0,"event":"load_set","loads":[["0000000000000001",-1]]}"#,
                "line 4: column 62: load -1 is out of range, it must be from 0 to 10000000000",
            ),
        ];
        for (line, expected) in cases {
            assert_eq!(error_of(&[CONFIG, POD, LOAD, line, END]), expected, "{line}");
        }
    }

    #[test]
    fn time_never_decreases_a_pod_is_present_and_the_end_is_last() {
        let back = r#"{"at_ms":599999,"event":"end"}"#;
        let drain = r#"{"at_ms":5,"event":"pods_drained","pods":["a"]}"#;
        let idle = LOAD.replace("5.3215e-01", "0");
        let cases: [(&[&str], &str); 6] = [
            (
                &[POD, LOAD, END, back],
                "line 5: a line after the end event, which must be the last one",
            ),
            (
                &[POD, LOAD, drain, POD],
                "line 5: at_ms 0 is before 5, the time of the line above; events are ordered by time",
            ),
            (
                &[POD, LOAD, drain, END],
                "line 5: no pod is present from 5 ms on; at least one must be at any time",
            ),
            (
                &[LOAD, END],
                "line 3: no pod is present from 0 ms on; at least one must be at any time",
            ),
            (
                &[POD, &idle, END],
                "line 4: the trace sets no load; add a load_set event",
            ),
            (
                &[POD, LOAD],
                "line 4: the trace ends without its last line, {\"at_ms\":...,\"event\":\"end\"}",
            ),
        ];
        for (lines, expected) in cases {
            assert_eq!(error_of(&[&[CONFIG], lines].concat()), expected);
        }
    }

    #[test]
    fn loads_too_small_for_thousandths_are_rejected_and_a_few_cold_keys_are_not() {
        let config = CONFIG.replace("1000.0", "1");
        let small = |count: usize| {
            let loads = vec![r#"["0000000000000001",0.0004]"#; count].join(",");
            format!(r#"{{"at_ms":0,"event":"load_set","loads":[{loads}]}}"#)
        };
        assert!(read(&[&config, POD, LOAD, &small(25), END]).is_ok());
        let sentence = "line 4: loads with a sum of 0.0104 units become 0.000 when rounded to thousandths; multiply all loads and max_load_hint by 1,000";
        assert_eq!(error_of(&[&config, POD, LOAD, &small(26), END]), sentence);
    }

    proptest! {
        #[test]
        fn any_bytes_are_rejected_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = [CONFIG.as_bytes(), b"\n", &bytes].concat();
            let reader = LoadTraceReader::try_new(text.as_slice()).unwrap();
            prop_assert!(reader.collect::<Result<Vec<_>, _>>().is_err());
        }
    }
}
