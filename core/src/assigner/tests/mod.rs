//! Stories of the assigner's brain: sequences of events, and the actions that follow.

mod explanation;
mod failures;
mod handoff;
mod incarnations;
mod poison;
mod random_events;
mod store;
mod story;
mod subject;
mod timing;
