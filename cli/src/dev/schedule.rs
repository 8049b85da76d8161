//! Which request comes when.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_sim::workload::{Request, RequestTrace};

/// The requests of a trace in order, once or again and again.
#[derive(Debug)]
pub(crate) struct Schedule {
    trace: RequestTrace,
    /// The place of each request's key in the list of keys.
    key_numbers: Vec<usize>,
    repeats: bool,
    /// Times as fast as recorded; none for as fast as answers come.
    speed: Option<f64>,
}

/// One request that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// Counted from the start of the run; none for as soon as possible.
    pub(crate) at: Option<Duration>,
    pub(crate) key: Arc<str>,
    pub(crate) key_number: usize,
    pub(crate) load_milli: u64,
}

impl Schedule {
    /// With speed 0, each request comes as soon as possible.
    pub(crate) fn new(trace: RequestTrace, speed: f64, repeats: bool) -> Self {
        let numbers: std::collections::BTreeMap<_, _> = trace.keys().iter().zip(0..).collect();
        let key_numbers = trace.requests().iter().map(|request| numbers[&request.key]).collect();
        Self {
            key_numbers,
            trace,
            repeats,
            speed: (speed > 0.0).then_some(speed),
        }
    }

    /// The request of this number; `None` when the trace is over.
    pub(crate) fn request(&self, number: usize) -> Option<Due> {
        let requests = self.trace.requests();
        let (lap, place) = (number / requests.len(), number % requests.len());
        if lap > 0 && !self.repeats {
            return None;
        }
        let Request { at_ms, key, load_milli } = &requests[place];
        let recorded = self.lap_length() * u32::try_from(lap).unwrap_or(u32::MAX) + Duration::from_millis(*at_ms);
        Some(Due {
            at: self.speed.map(|speed| recorded.div_f64(speed)),
            key: Arc::clone(key),
            key_number: self.key_numbers[place],
            load_milli: *load_milli,
        })
    }

    pub(crate) fn is_as_fast_as_possible(&self) -> bool {
        self.speed.is_none()
    }

    /// How many requests there will be, if there is an end.
    pub(crate) fn request_count(&self) -> Option<usize> {
        (!self.repeats).then_some(self.trace.requests().len())
    }

    pub(crate) fn keys(&self) -> &[Arc<str>] {
        self.trace.keys()
    }

    /// A repetition begins one ordinary gap after the last request.
    fn lap_length(&self) -> Duration {
        let duration = self.trace.duration();
        let count = u32::try_from(self.trace.requests().len()).unwrap_or(u32::MAX);
        duration + (duration / count).max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(speed: f64, repeats: bool) -> Schedule {
        let trace = "at_ms,key,load\n0,a,1\n10,b,2\n30,a,1\n";
        Schedule::new(RequestTrace::read(trace.as_bytes()).unwrap(), speed, repeats)
    }

    #[test]
    fn a_trace_at_double_speed_takes_half_the_time() {
        let schedule = schedule(2.0, false);
        let due: Vec<_> = (0..4).map_while(|number| schedule.request(number)).collect();
        let times: Vec<_> = due.iter().map(|due| due.at.unwrap().as_millis()).collect();
        assert_eq!(times, [0, 5, 15]);
        assert_eq!(due[1].load_milli, 2_000);
        assert_eq!([due[0].key_number, due[1].key_number, due[2].key_number], [0, 1, 0]);
    }

    #[test]
    fn a_repetition_begins_after_an_ordinary_gap() {
        let schedule = schedule(1.0, true);
        assert_eq!(schedule.request(3).unwrap().at, Some(Duration::from_millis(40)));
        assert_eq!(schedule.request_count(), None);
    }

    #[test]
    fn at_speed_zero_nothing_waits() {
        assert_eq!(schedule(0.0, true).request(100).unwrap().at, None);
        assert!(schedule(0.0, false).request(3).is_none());
    }
}
