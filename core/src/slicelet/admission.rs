//! Admission: which requests of the object store may be made now, which wait, and which cannot be made in time.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::concurrency_limit::ConcurrencyLimit;
use super::service_time::ServiceTime;
pub use super::ticket::Ticket;
use super::token_bucket::TokenBucket;
use super::waiting_line::WaitingLine;
use crate::brain::{Brain, Output};
use crate::rate::Rate;
use crate::time::Timestamp;

/// What the admission of a pod goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionSettings {
    /// How many requests of the store may run at a time, at least one.
    pub concurrency: usize,
    /// How many may wait.
    pub waiting_max: usize,
    /// A random number of the pod's own; chance is a parameter.
    pub seed: u64,
}

/// What a request of the store is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// A client waits for it.
    Request,
    /// It is work done ahead.
    Prefetch,
}

/// How a request of the store ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreOutcome {
    /// The store dealt with it, whatever it answered.
    Served,
    /// The store said that it has too much to do.
    Busy,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdmissionEvent {
    /// Somebody wants to make a request of the store.
    Asked {
        /// Who.
        ticket: Ticket,
        /// What for.
        urgency: Urgency,
        /// When it is too late to begin.
        deadline: Timestamp,
    },
    /// Whoever asked wants it no longer.
    Withdrawn {
        /// Who.
        ticket: Ticket,
    },
    /// A request that was admitted has ended.
    Ended {
        /// Whose.
        ticket: Ticket,
        /// How.
        outcome: StoreOutcome,
    },
    /// The assigner dealt out the store requests that all pods of the target may make together.
    Granted {
        /// This pod's share; without one there is no limit.
        rate: Option<Rate>,
    },
    /// The time to wake at has come.
    Woke,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdmissionAction {
    /// Let it make its request, and tell how it ended.
    Admit(Ticket),
    /// Tell it that its request cannot be made in time.
    Refuse {
        /// Whom.
        ticket: Ticket,
        /// After how long one who asks again has its turn.
        retry_after: Duration,
    },
}

/// Stands between a pod and its object store, so that a pod which has lost its neighbours, its values or its store asks
/// for as much as the store can take, for the most urgent first, and lets nothing pile up.
///
/// ```text
/// Asked --> in time? --> waiting line --> place, pause, token? --> Admit --> Ended --> what the store can take
///              \--> Refuse <-- deadline, line full
/// ```
///
/// Requests go before prefetches, which take half of the places at most, and none while a request waits.
#[derive(Debug)]
pub struct Admission {
    waiting_max: usize,
    requests: WaitingLine,
    prefetches: WaitingLine,
    running: BTreeMap<Ticket, Running>,
    running_prefetch_count: usize,
    limit: ConcurrencyLimit,
    /// None, if there is no limit to the rate.
    bucket: Option<TokenBucket>,
    service_time: ServiceTime,
    arrivals: Arrivals,
}

/// A request of the store that is under way.
#[derive(Debug, Clone, Copy)]
struct Running {
    urgency: Urgency,
    admitted_at: Timestamp,
}

/// Whoever is refused is not told to come back sooner than that ...
const RETRY_AFTER_MIN: Duration = Duration::from_millis(10);
/// ... nor later than that: by then there may be more pods, or a larger share.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

impl Admission {
    /// Nobody has asked yet, and there is no limit to the rate.
    #[must_use]
    pub fn new(settings: AdmissionSettings) -> Self {
        Self {
            waiting_max: settings.waiting_max,
            requests: WaitingLine::default(),
            prefetches: WaitingLine::default(),
            running: BTreeMap::new(),
            running_prefetch_count: 0,
            limit: ConcurrencyLimit::new(settings.concurrency, settings.seed),
            bucket: None,
            service_time: ServiceTime::default(),
            arrivals: Arrivals::default(),
        }
    }

    /// How many requests of the store a second the pod would make if it were let: what came lately, and what waits.
    #[must_use]
    pub fn demand(&self, now: Timestamp) -> u64 {
        self.arrivals.per_second(now) + self.waiting_count() as u64
    }

    /// How many wait.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.requests.len() + self.prefetches.len()
    }

    /// How many are under way.
    #[must_use]
    pub fn running_count(&self) -> usize {
        self.running.len()
    }

    /// How many may be under way now.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit.count()
    }

    /// The pod's share of what all pods may ask of the store, if that is limited.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.bucket.as_ref().map(TokenBucket::rate)
    }

    fn take_in(&mut self, event: AdmissionEvent, now: Timestamp) -> Option<AdmissionAction> {
        match event {
            AdmissionEvent::Asked {
                ticket,
                urgency,
                deadline,
            } => return self.asked(ticket, urgency, deadline, now),
            AdmissionEvent::Withdrawn { ticket } => self.withdrawn(ticket),
            AdmissionEvent::Ended { ticket, outcome } => self.ended(ticket, outcome, now),
            AdmissionEvent::Granted { rate } => self.granted(rate, now),
            AdmissionEvent::Woke => {}
        }
        None
    }

    fn asked(
        &mut self,
        ticket: Ticket,
        urgency: Urgency,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Option<AdmissionAction> {
        self.arrivals.count(now);
        let is_too_late = now + self.wait_of_newcomer(urgency, now) >= deadline;
        if is_too_late {
            return Some(self.refusal(ticket, urgency, now));
        }
        self.line(urgency).push(ticket, deadline);
        None
    }

    fn withdrawn(&mut self, ticket: Ticket) {
        self.requests.remove(ticket);
        self.prefetches.remove(ticket);
        self.leave(ticket);
    }

    fn ended(&mut self, ticket: Ticket, outcome: StoreOutcome, now: Timestamp) {
        let Some(Running { admitted_at, .. }) = self.leave(ticket) else {
            return;
        };
        match outcome {
            StoreOutcome::Served => {
                self.limit.served(admitted_at);
                self.service_time.record(now.since(admitted_at));
            }
            StoreOutcome::Busy => self.limit.busy(admitted_at, now),
        }
    }

    fn granted(&mut self, rate: Option<Rate>, now: Timestamp) {
        match (&mut self.bucket, rate) {
            (Some(bucket), Some(rate)) => bucket.change(rate, now),
            (bucket, rate) => *bucket = rate.map(|rate| TokenBucket::full(rate, now)),
        }
    }

    /// Gives the place of a ticket free, if it has one.
    fn leave(&mut self, ticket: Ticket) -> Option<Running> {
        let running = self.running.remove(&ticket)?;
        self.running_prefetch_count -= usize::from(running.urgency == Urgency::Prefetch);
        Some(running)
    }

    fn refuse_expired(&mut self, now: Timestamp) -> Vec<AdmissionAction> {
        let mut refusals = Vec::new();
        for urgency in [Urgency::Request, Urgency::Prefetch] {
            let expired = self.line(urgency).take_expired(now);
            refusals.extend(expired.into_iter().map(|ticket| self.refusal(ticket, urgency, now)));
        }
        refusals
    }

    fn admit(&mut self, now: Timestamp) -> Vec<AdmissionAction> {
        let mut admitted = Vec::new();
        while now >= self.limit.paused_until() {
            let Some((ticket, urgency)) = self.next() else { break };
            if !self.bucket.as_mut().is_none_or(|bucket| bucket.take(now)) {
                break;
            }
            self.line(urgency).remove(ticket);
            self.running_prefetch_count += usize::from(urgency == Urgency::Prefetch);
            let admitted_at = now;
            self.running.insert(ticket, Running { urgency, admitted_at });
            admitted.push(AdmissionAction::Admit(ticket));
        }
        admitted
    }

    /// Where too many wait, the youngest goes; a prefetch, if there is one.
    fn refuse_overflow(&mut self, now: Timestamp) -> Option<AdmissionAction> {
        if self.waiting_count() <= self.waiting_max {
            return None;
        }
        let prefetch = self.prefetches.last().map(|ticket| (ticket, Urgency::Prefetch));
        let request = self.requests.last().map(|ticket| (ticket, Urgency::Request));
        let (ticket, urgency) = prefetch.or(request)?;
        self.line(urgency).remove(ticket);
        Some(self.refusal(ticket, urgency, now))
    }

    /// Who takes the next place, if there is one for it.
    fn next(&self) -> Option<(Ticket, Urgency)> {
        let (line, urgency) = match self.requests.len() {
            0 => (&self.prefetches, Urgency::Prefetch),
            _ => (&self.requests, Urgency::Request),
        };
        let ticket = line.first().filter(|_| self.free_places(urgency) > 0);
        ticket.map(|ticket| (ticket, urgency))
    }

    fn free_places(&self, urgency: Urgency) -> usize {
        let free = self.limit.count().saturating_sub(self.running.len());
        match urgency {
            Urgency::Request => free,
            Urgency::Prefetch => free.min(self.places(urgency).saturating_sub(self.running_prefetch_count)),
        }
    }

    fn places(&self, urgency: Urgency) -> usize {
        match urgency {
            Urgency::Request => self.limit.count(),
            Urgency::Prefetch => (self.limit.count() / 2).max(1),
        }
    }

    fn refusal(&self, ticket: Ticket, urgency: Urgency, now: Timestamp) -> AdmissionAction {
        let wait = self.wait_of_newcomer(urgency, now);
        AdmissionAction::Refuse {
            ticket,
            retry_after: wait.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX),
        }
    }

    /// How long one who asks now would wait, as far as can be told.
    fn wait_of_newcomer(&self, urgency: Urgency, now: Timestamp) -> Duration {
        let ahead = match urgency {
            Urgency::Request => self.requests.len(),
            Urgency::Prefetch => self.waiting_count(),
        };
        let must_leave = (ahead + 1).saturating_sub(self.free_places(urgency));
        let for_place = self.service_time.of(must_leave, self.places(urgency));
        let for_pause = self.limit.paused_until().since(now);
        let token_at = self
            .bucket
            .as_ref()
            .map(|bucket| bucket.ready_at(ahead as u64 + 1, now));
        let for_token = token_at.map_or(Duration::ZERO, |at| at.since(now));
        for_pause.saturating_add(for_place).max(for_token)
    }

    const fn line(&mut self, urgency: Urgency) -> &mut WaitingLine {
        match urgency {
            Urgency::Request => &mut self.requests,
            Urgency::Prefetch => &mut self.prefetches,
        }
    }

    /// When somebody has its turn or gives up, if nothing happens before.
    fn wake_at(&self, now: Timestamp) -> Timestamp {
        let turn = self.next().map(|_| {
            let token_at = self.bucket.as_ref().map_or(now, |bucket| bucket.ready_at(1, now));
            self.limit.paused_until().max(token_at)
        });
        let deadline = self.requests.next_deadline().min(self.prefetches.next_deadline());
        turn.unwrap_or(Timestamp::NEVER).min(deadline)
    }
}

impl Brain for Admission {
    type Event = AdmissionEvent;
    type Action = AdmissionAction;

    fn step(&mut self, event: AdmissionEvent, now: Timestamp) -> Output<AdmissionAction> {
        let mut actions: Vec<AdmissionAction> = self.take_in(event, now).into_iter().collect();
        actions.extend(self.refuse_expired(now));
        actions.extend(self.admit(now));
        actions.extend(self.refuse_overflow(now));
        Output {
            actions,
            wake_at: self.wake_at(now),
        }
    }

    fn woke() -> AdmissionEvent {
        AdmissionEvent::Woke
    }
}
