//! Admission: which requests to the object store may be made now, which wait, and which are refused.

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

/// The limits of a pod's requests to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionSettings {
    /// Requests that may run at a time, at least one.
    pub concurrency: usize,
    /// Requests that may wait.
    pub waiting_max: usize,
    /// Seed of the jitter, random and different between pods.
    pub seed: u64,
}

/// The priority of a request to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// A client waits for the answer.
    Request,
    /// The slicelet loads a value before it is requested.
    Prefetch,
}

/// The outcome of a request to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreOutcome {
    /// The store handled it, with success or error.
    Served,
    /// The store answered that it is overloaded.
    Busy,
}

/// An event of a store request, or of the pod's grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdmissionEvent {
    /// Admission is requested for a request to the store.
    Requested {
        /// Identifies the request in later events.
        ticket: Ticket,
        /// The priority of the request.
        urgency: Urgency,
        /// The request is refused if it is not admitted before.
        deadline: Timestamp,
    },
    /// A request was cancelled, before or after its admission.
    Withdrawn {
        /// The ticket of the request.
        ticket: Ticket,
    },
    /// An admitted request has ended.
    Ended {
        /// The ticket of the request.
        ticket: Ticket,
        /// Whether the store handled the request or was overloaded.
        outcome: StoreOutcome,
    },
    /// The assigner divided the store requests of the target among its pods.
    Granted {
        /// This pod's share; `None` is no limit.
        rate: Option<Rate>,
    },
    /// The `wake_at` of the previous step is reached.
    Woke,
}

/// The answer to a request for admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdmissionAction {
    /// Make the request, and report its end by [`AdmissionEvent::Ended`] or [`AdmissionEvent::Withdrawn`].
    Admit(Ticket),
    /// Refuse the request: it cannot start before its deadline, or the waiting line is full.
    Refuse {
        /// The ticket of the request.
        ticket: Ticket,
        /// The expected wait of a request that arrives now.
        retry_after: Duration,
    },
}

/// Limits the requests of one pod to its object store, so that a pod with a cold or failing store sends no more than the
/// store can answer, the most urgent first, and queues do not grow without bound.
///
/// ```text
/// Requested --> in time? --> waiting line --> slot, pause, token? --> Admit --> Ended --> concurrency limit, service time
///                  \--> Refuse <-- deadline, line full
/// ```
///
/// Requests have priority over prefetches. Prefetches use at most half of the slots, and none while a request waits.
#[derive(Debug)]
pub struct Admission {
    waiting_max: usize,
    requests: WaitingLine,
    prefetches: WaitingLine,
    running: BTreeMap<Ticket, AdmittedRequest>,
    running_prefetch_count: usize,
    limit: ConcurrencyLimit,
    /// `None` if the rate is not limited.
    bucket: Option<TokenBucket>,
    service_time: ServiceTime,
    arrivals: Arrivals,
}

/// A request that runs at the store.
#[derive(Debug, Clone, Copy)]
struct AdmittedRequest {
    urgency: Urgency,
    admitted_at: Timestamp,
}

/// The lower bound of the retry hint of a refusal.
const RETRY_AFTER_MIN: Duration = Duration::from_millis(10);
/// The upper bound of the retry hint: after this time the target may have more pods, or the pod a larger share.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

impl Admission {
    /// An admission without requests and without a rate limit.
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

    /// Requests a second that the pod would make without a limit: the rate of arrivals, plus the requests that wait.
    #[must_use]
    pub fn demand(&self, now: Timestamp) -> u64 {
        self.arrivals.per_second(now) + self.waiting_count() as u64
    }

    /// Requests that wait for admission.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.requests.len() + self.prefetches.len()
    }

    /// Requests that run at the store.
    #[must_use]
    pub fn running_count(&self) -> usize {
        self.running.len()
    }

    /// Requests that may run at a time, as adapted to the store's answers.
    #[must_use]
    pub const fn limit(&self) -> usize {
        self.limit.count()
    }

    /// The granted rate, if it is limited.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.bucket.as_ref().map(TokenBucket::rate)
    }

    fn apply(&mut self, event: AdmissionEvent, now: Timestamp) -> Option<AdmissionAction> {
        match event {
            AdmissionEvent::Requested {
                ticket,
                urgency,
                deadline,
            } => return self.on_requested(ticket, urgency, deadline, now),
            AdmissionEvent::Withdrawn { ticket } => self.on_withdrawn(ticket),
            AdmissionEvent::Ended { ticket, outcome } => self.on_ended(ticket, outcome, now),
            AdmissionEvent::Granted { rate } => self.on_granted(rate, now),
            AdmissionEvent::Woke => {}
        }
        None
    }

    fn on_requested(
        &mut self,
        ticket: Ticket,
        urgency: Urgency,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Option<AdmissionAction> {
        self.arrivals.record(now);
        let is_too_late = now + self.expected_wait(urgency, now) >= deadline;
        if is_too_late {
            return Some(self.refusal(ticket, urgency, now));
        }
        self.line(urgency).push(ticket, deadline);
        None
    }

    fn on_withdrawn(&mut self, ticket: Ticket) {
        self.requests.remove(ticket);
        self.prefetches.remove(ticket);
        self.free_slot(ticket);
    }

    fn on_ended(&mut self, ticket: Ticket, outcome: StoreOutcome, now: Timestamp) {
        let Some(AdmittedRequest { admitted_at, .. }) = self.free_slot(ticket) else {
            return;
        };
        match outcome {
            StoreOutcome::Served => {
                self.limit.on_served(admitted_at);
                self.service_time.record(now.since(admitted_at));
            }
            StoreOutcome::Busy => self.limit.on_busy(admitted_at, now),
        }
    }

    fn on_granted(&mut self, rate: Option<Rate>, now: Timestamp) {
        match (&mut self.bucket, rate) {
            (Some(bucket), Some(rate)) => bucket.change(rate, now),
            (bucket, rate) => *bucket = rate.map(|rate| TokenBucket::full(rate, now)),
        }
    }

    /// Frees the slot of a ticket, if it has one.
    fn free_slot(&mut self, ticket: Ticket) -> Option<AdmittedRequest> {
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
            self.running.insert(ticket, AdmittedRequest { urgency, admitted_at });
            admitted.push(AdmissionAction::Admit(ticket));
        }
        admitted
    }

    /// If the waiting line is full, refuses the newest one, a prefetch if there is one.
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

    /// The ticket for the next free slot, if there is one.
    fn next(&self) -> Option<(Ticket, Urgency)> {
        let (line, urgency) = match self.requests.len() {
            0 => (&self.prefetches, Urgency::Prefetch),
            _ => (&self.requests, Urgency::Request),
        };
        let ticket = line.first().filter(|_| self.free_slots(urgency) > 0);
        ticket.map(|ticket| (ticket, urgency))
    }

    fn free_slots(&self, urgency: Urgency) -> usize {
        let free = self.limit.count().saturating_sub(self.running.len());
        match urgency {
            Urgency::Request => free,
            Urgency::Prefetch => free.min(self.slots(urgency).saturating_sub(self.running_prefetch_count)),
        }
    }

    fn slots(&self, urgency: Urgency) -> usize {
        match urgency {
            Urgency::Request => self.limit.count(),
            Urgency::Prefetch => (self.limit.count() / 2).max(1),
        }
    }

    fn refusal(&self, ticket: Ticket, urgency: Urgency, now: Timestamp) -> AdmissionAction {
        let wait = self.expected_wait(urgency, now);
        AdmissionAction::Refuse {
            ticket,
            retry_after: wait.clamp(RETRY_AFTER_MIN, RETRY_AFTER_MAX),
        }
    }

    /// The expected wait of a request that arrives now.
    fn expected_wait(&self, urgency: Urgency, now: Timestamp) -> Duration {
        let ahead = match urgency {
            Urgency::Request => self.requests.len(),
            Urgency::Prefetch => self.waiting_count(),
        };
        let completions_needed = (ahead + 1).saturating_sub(self.free_slots(urgency));
        let for_slot = self.service_time.of(completions_needed, self.slots(urgency));
        let for_pause = self.limit.paused_until().since(now);
        let token_at = self
            .bucket
            .as_ref()
            .map(|bucket| bucket.ready_at(ahead as u64 + 1, now));
        let for_token = token_at.map_or(Duration::ZERO, |at| at.since(now));
        for_pause.saturating_add(for_slot).max(for_token)
    }

    const fn line(&mut self, urgency: Urgency) -> &mut WaitingLine {
        match urgency {
            Urgency::Request => &mut self.requests,
            Urgency::Prefetch => &mut self.prefetches,
        }
    }

    /// When the next request can be admitted or must be refused, if no event arrives before.
    fn wake_at(&self, now: Timestamp) -> Timestamp {
        let admit_at = self.next().map(|_| {
            let token_at = self.bucket.as_ref().map_or(now, |bucket| bucket.ready_at(1, now));
            self.limit.paused_until().max(token_at)
        });
        let deadline = self.requests.next_deadline().min(self.prefetches.next_deadline());
        admit_at.unwrap_or(Timestamp::NEVER).min(deadline)
    }
}

impl Brain for Admission {
    type Event = AdmissionEvent;
    type Action = AdmissionAction;

    fn step(&mut self, event: AdmissionEvent, now: Timestamp) -> Output<AdmissionAction> {
        let mut actions: Vec<AdmissionAction> = self.apply(event, now).into_iter().collect();
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
