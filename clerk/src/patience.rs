//! Patience: how a request waits for better times, bounded in time and in number.

use std::sync::Arc;

use emberkeep_runtime::backoff::Backoff;
use emberkeep_runtime::watch::AssignmentSnapshot;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use crate::ClerkError;
use crate::directory::Directory;
use crate::settings::ClerkSettings;

/// The places for requests that wait.
#[derive(Debug)]
pub(crate) struct WaitingRoom {
    places: Arc<Semaphore>,
    limit: usize,
}

impl WaitingRoom {
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(limit)),
            limit,
        }
    }

    /// How many wait right now.
    pub(crate) fn waiting(&self) -> usize {
        self.limit - self.places.available_permits()
    }
}

/// One request's patience. It takes its place in the waiting room with the first pause and keeps it to its end; a
/// request that never waits pays for no more than a pointer.
#[derive(Default)]
pub(crate) struct Patience(Option<Box<Waiting>>);

struct Waiting {
    until: Instant,
    backoff: Backoff,
    newest: watch::Receiver<Option<AssignmentSnapshot>>,
    _place: OwnedSemaphorePermit,
}

/// Why a request waits no longer.
#[derive(Debug)]
pub(crate) enum Impatience {
    /// It has waited as long as it may.
    Over,
    /// Too many others wait.
    RoomFull { limit: usize },
}

impl Impatience {
    /// What to tell a caller who would have waited because of `reason`.
    pub(crate) fn because_of(self, reason: ClerkError) -> ClerkError {
        match self {
            Self::Over => reason,
            Self::RoomFull { limit } => ClerkError::TooManyWaiting {
                limit,
                reason: Box::new(reason),
            },
        }
    }
}

impl Patience {
    /// Waits for a new assignment, or a moment: pods can come back without one.
    pub(crate) async fn pause(
        &mut self,
        directory: &Directory,
        room: &WaitingRoom,
        settings: &ClerkSettings,
    ) -> Result<(), Impatience> {
        let waiting = match &mut self.0 {
            Some(waiting) => waiting,
            none => none.insert(Box::new(Waiting::begin(directory, room, settings)?)),
        };
        waiting.pause().await
    }
}

impl Waiting {
    fn begin(directory: &Directory, room: &WaitingRoom, settings: &ClerkSettings) -> Result<Self, Impatience> {
        let place = Arc::clone(&room.places).try_acquire_owned();
        Ok(Self {
            until: Instant::now() + settings.patience,
            backoff: Backoff::new(settings.pause_first, settings.pause_max),
            newest: directory.newest(),
            _place: place.map_err(|_| Impatience::RoomFull { limit: room.limit })?,
        })
    }

    async fn pause(&mut self) -> Result<(), Impatience> {
        if Instant::now() >= self.until {
            return Err(Impatience::Over);
        }
        let next_look = (Instant::now() + self.backoff.next_delay()).min(self.until);
        tokio::select! {
            _ = self.newest.changed() => {}
            () = sleep_until(next_look) => {}
        }
        Ok(())
    }
}
