//! What a server can do at most, so that one can see what others do when it is not enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use s3s::{S3Result, s3_error};
use tokio::sync::Semaphore;

/// A bound on reads, which is off until [`Capacity::limit`], and a count of them. A read takes a fixed time of one of a
/// fixed number of places; a bounded number waits for one, and any more are refused, as `503 SlowDown`.
#[derive(Debug)]
pub struct Capacity {
    settings: CapacitySettings,
    places: Semaphore,
    /// Reads that have a place or wait for one.
    under_way: Semaphore,
    is_limited: AtomicBool,
    served: AtomicU64,
    refused: AtomicU64,
}

/// How much a server can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacitySettings {
    /// How many reads it works on at a time.
    pub places: usize,
    /// How long each of them takes it.
    pub service_time: Duration,
    /// How many reads may wait.
    pub waiting_max: usize,
}

impl Capacity {
    /// No bound yet.
    pub fn new(settings: CapacitySettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            places: Semaphore::new(settings.places),
            under_way: Semaphore::new(settings.places + settings.waiting_max),
            is_limited: AtomicBool::new(false),
            served: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Binds from now on.
    pub fn limit(&self) {
        self.is_limited.store(true, Relaxed);
    }

    /// How many reads were let through.
    pub fn served_count(&self) -> u64 {
        self.served.load(Relaxed)
    }

    /// How many reads were refused.
    pub fn refused_count(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Lets a read through, after the time that it takes. One who gives up waiting gives up the place.
    pub(super) async fn serve(&self) -> S3Result<()> {
        if self.is_limited.load(Relaxed) {
            let Ok(_under_way) = self.under_way.try_acquire() else {
                self.refused.fetch_add(1, Relaxed);
                return Err(s3_error!(SlowDown, "reduce your request rate"));
            };
            let _place = self.places.acquire().await.expect("it is never closed");
            tokio::time::sleep(self.settings.service_time).await;
        }
        self.served.fetch_add(1, Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_place_waits_and_what_may_not_wait_is_refused() {
        let capacity = Capacity::new(CapacitySettings {
            places: 1,
            service_time: Duration::from_millis(10),
            waiting_max: 1,
        });
        capacity.limit();
        let began = tokio::time::Instant::now();
        let (first, second, third) = tokio::join!(capacity.serve(), capacity.serve(), capacity.serve());
        assert_eq!((first.is_ok(), second.is_ok()), (true, true));
        assert_eq!(*third.unwrap_err().code(), s3s::S3ErrorCode::SlowDown);
        assert_eq!(began.elapsed(), Duration::from_millis(20));
        assert_eq!((capacity.served_count(), capacity.refused_count()), (2, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_reads_are_only_counted() {
        let capacity = Capacity::new(CapacitySettings {
            places: 1,
            service_time: Duration::from_secs(60),
            waiting_max: 0,
        });
        let began = tokio::time::Instant::now();
        assert!(tokio::join!(capacity.serve(), capacity.serve()).1.is_ok());
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(capacity.served_count(), 2);
    }
}
