//! The schedule of requests.

use std::sync::Arc;
use std::time::Duration;

use emberkeep_sim::workload::{Request, RequestTrace};

use super::hot_key::HotKeyPlan;

/// The requests of a trace in order, once or repeatedly.
#[derive(Debug)]
pub struct Schedule {
    trace: RequestTrace,
    /// The index of each request's key in the list of keys.
    key_numbers: Vec<usize>,
    repeats: bool,
    pace: Pace,
    hot_key: Option<HotKeyPlan>,
}

/// The pace of requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Closed loop: each request follows an answer.
    AsAnswered,
    /// The recorded times, accelerated by this factor.
    Recorded(f64),
    /// A constant rate a second, evenly spaced.
    Steady(f64),
}

/// One request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledRequest {
    /// The due time since the start of the run; `None` for as soon as possible.
    pub at: Option<Duration>,
    /// The application key to request.
    pub key: Arc<str>,
    /// The index of the key in the list of keys.
    pub key_number: usize,
    /// The load that it charges to the owner, in milli-units.
    pub load_milli: u64,
}

impl Schedule {
    /// A schedule of this trace; if it repeats, it has no end.
    pub fn new(trace: RequestTrace, pace: Pace, repeats: bool) -> Self {
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

    /// The same, but from that time on this share of the requests goes to one key: the last of the list, which the
    /// trace requests as rarely as any.
    #[must_use]
    pub fn with_hot_key(mut self, share: f64, since: Duration) -> Self {
        let last = self.trace.keys().iter().enumerate().next_back();
        self.hot_key = last.map(|(number, key)| HotKeyPlan {
            key: Arc::clone(key),
            number,
            since,
            share,
        });
        self
    }

    pub(crate) const fn hot_key(&self) -> Option<&HotKeyPlan> {
        self.hot_key.as_ref()
    }

    /// The request of this number; `None` after the end of the trace.
    pub(crate) fn request(&self, number: usize) -> Option<ScheduledRequest> {
        let requests = self.trace.requests();
        let (lap, index) = (number / requests.len(), number % requests.len());
        if lap > 0 && !self.repeats {
            return None;
        }
        let Request { at_ms, key, load_milli } = &requests[index];
        let recorded = || self.lap_length() * u32::try_from(lap).unwrap_or(u32::MAX) + Duration::from_millis(*at_ms);
        Some(ScheduledRequest {
            at: match self.pace {
                Pace::AsAnswered => None,
                Pace::Recorded(speed) => Some(recorded().div_f64(speed)),
                Pace::Steady(rate) => Some(Duration::from_secs_f64(number as f64 / rate)),
            },
            key: Arc::clone(key),
            key_number: self.key_numbers[index],
            load_milli: *load_milli,
        })
    }

    /// The same request, or one for the hot key.
    pub(crate) fn redirected(&self, number: usize, request: ScheduledRequest, now: Duration) -> ScheduledRequest {
        let at = request.at.unwrap_or(now);
        match self.hot_key.as_ref().filter(|hot| hot.has_request(number, at)) {
            Some(hot) => ScheduledRequest {
                key: Arc::clone(&hot.key),
                key_number: hot.number,
                ..request
            },
            None => request,
        }
    }

    /// A request for each key, due as soon as possible, without load.
    pub(crate) fn each_key_once(&self) -> impl Iterator<Item = ScheduledRequest> {
        self.trace
            .keys()
            .iter()
            .zip(0..)
            .map(|(key, key_number)| ScheduledRequest {
                at: None,
                key: Arc::clone(key),
                key_number,
                load_milli: 0,
            })
    }

    pub(super) fn is_as_fast_as_possible(&self) -> bool {
        self.pace == Pace::AsAnswered
    }

    /// The load in milli-units a second; none if requests are sent as fast as they are answered.
    pub(crate) fn load_milli_per_second(&self) -> Option<f64> {
        let requests = self.trace.requests();
        let lap_milli: u64 = requests.iter().map(|request| request.load_milli).sum();
        match self.pace {
            Pace::AsAnswered => None,
            Pace::Recorded(speed) => Some(lap_milli as f64 * speed / self.lap_length().as_secs_f64()),
            Pace::Steady(rate) => Some(lap_milli as f64 * rate / requests.len() as f64),
        }
    }

    /// The number of requests, if the schedule has an end.
    pub(crate) fn request_count(&self) -> Option<usize> {
        (!self.repeats).then_some(self.trace.requests().len())
    }

    /// The keys of the trace.
    pub fn keys(&self) -> &[Arc<str>] {
        self.trace.keys()
    }

    /// A repetition starts one mean gap after the last request.
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
    fn a_repetition_starts_after_a_mean_gap() {
        let schedule = schedule(Pace::Recorded(1.0), true);
        assert_eq!(schedule.request(3).unwrap().at, Some(Duration::from_millis(40)));
        assert_eq!(schedule.request_count(), None);
    }

    #[test]
    fn requests_sent_as_answered_are_due_at_once() {
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
    fn load_is_that_of_the_trace_at_its_pace() {
        assert_eq!(schedule(Pace::AsAnswered, true).load_milli_per_second(), None);
        assert_eq!(
            schedule(Pace::Recorded(2.0), true).load_milli_per_second(),
            Some(200_000.0)
        );
        assert_eq!(schedule(Pace::Steady(6.0), true).load_milli_per_second(), Some(8_000.0));
    }

    #[test]
    fn a_hot_key_gets_its_share_of_requests_from_its_time_on() {
        let schedule = schedule(Pace::Steady(1.0), true).with_hot_key(0.5, Duration::from_secs(3));
        let keys = (0..6).map(|number| {
            let due = schedule.request(number).unwrap();
            schedule.redirected(number, due, Duration::ZERO).key.to_string()
        });
        assert_eq!(keys.collect::<Vec<_>>().concat(), "ababbb");
    }
}
