//! What a watcher lacks, as a stream.

use std::sync::Arc;

use emberkeep_core::assignment::{Generation, Update};
use emberkeep_proto::convert::WatchUpdate;
use futures::Stream;
use futures::stream;
use tokio::sync::watch;

use super::Held;

/// What a holder of generation `known` lacks at once, then each change, as a diff or as a whole, whichever is
/// smaller. Ends when whoever publishes is gone.
///
/// Nothing queues up: who asks late gets one update from what it has to the newest. A watcher that knows a later
/// generation than is held here is told nothing until there is a later one still, and then the whole, because its
/// history may be another one.
pub fn updates_since(
    held: watch::Receiver<Option<Held>>,
    known: Generation,
) -> impl Stream<Item = WatchUpdate> + Send + use<> {
    let start = Position {
        held,
        known: (known != Generation::NONE).then_some(known),
        is_ahead: false,
    };
    stream::unfold(start, |mut position| async move {
        let told = position.next().await?;
        Some((told, position))
    })
}

/// How far a watcher has come.
struct Position {
    held: watch::Receiver<Option<Held>>,
    /// What the watcher holds, if anything.
    known: Option<Generation>,
    /// Whether the watcher came with a later generation than was held here.
    is_ahead: bool,
}

impl Position {
    async fn next(&mut self) -> Option<WatchUpdate> {
        loop {
            let held = self.held.borrow_and_update().clone();
            if let Some(told) = held.and_then(|held| self.lacking(&held)) {
                return Some(told);
            }
            self.held.changed().await.ok()?;
        }
    }

    /// What the watcher lacks of `held`; once it is told, it holds the same.
    fn lacking(&mut self, held: &Held) -> Option<WatchUpdate> {
        let Held { assignment, key_mode } = held;
        let newest = assignment.generation();
        self.is_ahead |= self.known.is_some_and(|known| known > newest);
        let update = match self.known {
            Some(known) if known >= newest => return None,
            Some(known) if !self.is_ahead => assignment.update_since(known),
            Some(_) | None => Update::Full(Arc::clone(assignment)),
        };
        self.known = Some(newest);
        self.is_ahead = false;
        Some(WatchUpdate {
            update,
            key_mode: *key_mode,
        })
    }
}
