//! Tickets: which request of the object store an event is about.

/// The number of a request of the store; the caller issues ascending numbers, and lower ones are served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);
