//! Which request comes when.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_sim::workload::{Request, RequestTrace};

use super::hot_key::HotKey;

/// The requests of a trace in order, once or again and again.
#[derive(Debug)]
pub(crate) struct Schedule {
    trace: RequestTrace,
    /// The place of each request's key in the list of keys.
    key_numbers: Vec<usize>,
    repeats: bool,
    pace: Pace,
    hot_key: Option<HotKey>,
}

/// How fast requests come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// As fast as answers come.
    AsAnswered,
    /// So many times as fast as recorded.
    Recorded(f64),
    /// So many a second, evenly spaced.
    Steady(f64),
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
    pub(crate) fn new(trace: RequestTrace, pace: Pace, repeats: bool) -> Self {
        let numbers: std::collections::BTreeMap<_, _> = trace.keys().iter().zip(0..).collect();
        let key_numbers = trace.requests().iter().map(|request| numbers[&request.key]).collect();
        Self {
            key_numbers,
            trace,
            repeats,
            pace,
            hot_key: None,
        }
    }

    /// The same, and from that moment on this share of the requests goes to one key: the last one of the trace's list,
    /// which is asked for as rarely as any.
    pub(super) fn with_hot_key(mut self, share: f64, since: Duration) -> Self {
        let last = self.trace.keys().iter().enumerate().next_back();
        self.hot_key = last.map(|(number, key)| HotKey {
            key: Arc::clone(key),
            number,
            since,
            share,
        });
        self
    }

    pub(super) const fn hot_key(&self) -> Option<&HotKey> {
        self.hot_key.as_ref()
    }

    /// The request of this number; `None` when the trace is over.
    pub(crate) fn request(&self, number: usize) -> Option<Due> {
        let requests = self.trace.requests();
        let (lap, place) = (number / requests.len(), number % requests.len());
        if lap > 0 && !self.repeats {
            return None;
        }
        let Request { at_ms, key, load_milli } = &requests[place];
        let recorded = || self.lap_length() * u32::try_from(lap).unwrap_or(u32::MAX) + Duration::from_millis(*at_ms);
        Some(Due {
            at: match self.pace {
                Pace::AsAnswered => None,
                Pace::Recorded(speed) => Some(recorded().div_f64(speed)),
                Pace::Steady(rate) => Some(Duration::from_secs_f64(number as f64 / rate)),
            },
            key: Arc::clone(key),
            key_number: self.key_numbers[place],
            load_milli: *load_milli,
        })
    }

    /// The same request, or one for the key that is hot by then.
    pub(super) fn heated(&self, number: usize, due: Due, now: Duration) -> Due {
        let at = due.at.unwrap_or(now);
        match self.hot_key.as_ref().filter(|hot| hot.takes(number, at)) {
            Some(hot) => Due {
                key: Arc::clone(&hot.key),
                key_number: hot.number,
                ..due
            },
            None => due,
        }
    }

    /// A request for each key, as soon as possible and for no load.
    pub(super) fn each_key_once(&self) -> impl Iterator<Item = Due> {
        self.trace.keys().iter().zip(0..).map(|(key, key_number)| Due {
            at: None,
            key: Arc::clone(key),
            key_number,
            load_milli: 0,
        })
    }

    pub(crate) fn is_as_fast_as_possible(&self) -> bool {
        self.pace == Pace::AsAnswered
    }

    /// The load in milli-units a second, unless requests come as fast as answers do.
    pub(super) fn load_milli_per_second(&self) -> Option<f64> {
        let requests = self.trace.requests();
        let lap_milli: u64 = requests.iter().map(|request| request.load_milli).sum();
        match self.pace {
            Pace::AsAnswered => None,
            Pace::Recorded(speed) => Some(lap_milli as f64 * speed / self.lap_length().as_secs_f64()),
            Pace::Steady(rate) => Some(lap_milli as f64 * rate / requests.len() as f64),
        }
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

    fn schedule(pace: Pace, repeats: bool) -> Schedule {
        let trace = "at_ms,key,load\n0,a,1\n10,b,2\n30,a,1\n";
        Schedule::new(RequestTrace::read(trace.as_bytes()).unwrap(), pace, repeats)
    }

    #[test]
    fn a_trace_at_double_speed_takes_half_the_time() {
        let schedule = schedule(Pace::Recorded(2.0), false);
        let due: Vec<_> = (0..4).map_while(|number| schedule.request(number)).collect();
        let times: Vec<_> = due.iter().map(|due| due.at.unwrap().as_millis()).collect();
        assert_eq!(times, [0, 5, 15]);
        assert_eq!(due[1].load_milli, 2_000);
        assert_eq!([due[0].key_number, due[1].key_number, due[2].key_number], [0, 1, 0]);
    }

    #[test]
    fn a_repetition_begins_after_an_ordinary_gap() {
        let schedule = schedule(Pace::Recorded(1.0), true);
        assert_eq!(schedule.request(3).unwrap().at, Some(Duration::from_millis(40)));
        assert_eq!(schedule.request_count(), None);
    }

    #[test]
    fn as_answered_nothing_waits() {
        assert_eq!(schedule(Pace::AsAnswered, true).request(100).unwrap().at, None);
        assert!(schedule(Pace::AsAnswered, false).request(3).is_none());
    }

    #[test]
    fn at_a_steady_rate_requests_are_evenly_spaced() {
        let schedule = schedule(Pace::Steady(4.0), true);
        let times = (0..5).map(|number| schedule.request(number).unwrap().at.unwrap().as_millis());
        assert_eq!(times.collect::<Vec<_>>(), [0, 250, 500, 750, 1_000]);
    }

    #[test]
    fn load_is_what_the_trace_has_at_the_pace_it_comes() {
        assert_eq!(schedule(Pace::AsAnswered, true).load_milli_per_second(), None);
        assert_eq!(
            schedule(Pace::Recorded(2.0), true).load_milli_per_second(),
            Some(200_000.0)
        );
        assert_eq!(schedule(Pace::Steady(6.0), true).load_milli_per_second(), Some(8_000.0));
    }

    #[test]
    fn a_hot_key_takes_over_requests_from_its_moment_on() {
        let schedule = schedule(Pace::Steady(1.0), true).with_hot_key(0.5, Duration::from_secs(3));
        let keys = (0..6).map(|number| {
            let due = schedule.request(number).unwrap();
            schedule.heated(number, due, Duration::ZERO).key.to_string()
        });
        assert_eq!(keys.collect::<Vec<_>>().concat(), "ababbb");
    }
}
