//! A limit on the read capacity of the embedded server, to test how clients behave under overload.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use s3s::{S3Result, s3_error};
use tokio::sync::Semaphore;

/// A queueing limit on reads, off until [`Capacity::limit`], and a count of them. Each read occupies one of a fixed number of
/// slots for a fixed time; a bounded number of reads waits for a slot, further ones are rejected with `503 SlowDown`.
#[derive(Debug)]
pub struct Capacity {
    settings: CapacitySettings,
    slots: Semaphore,
    /// A permit for each read that has a slot or waits for one.
    admitted: Semaphore,
    is_limited: AtomicBool,
    served: AtomicU64,
    rejected: AtomicU64,
}

/// The capacity of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacitySettings {
    /// Concurrent reads in service.
    pub slot_count: usize,
    /// The service time of each read.
    pub service_time: Duration,
    /// Reads that may wait for a slot; further ones are rejected.
    pub waiting_max: usize,
}

impl Capacity {
    /// A capacity whose limit is off.
    pub fn new(settings: CapacitySettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            slots: Semaphore::new(settings.slot_count),
            admitted: Semaphore::new(settings.slot_count + settings.waiting_max),
            is_limited: AtomicBool::new(false),
            served: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        })
    }

    /// Turns the limit on.
    pub fn limit(&self) {
        self.is_limited.store(true, Relaxed);
    }

    /// Reads served so far.
    pub fn served_count(&self) -> u64 {
        self.served.load(Relaxed)
    }

    /// Reads rejected with `SlowDown` so far.
    pub fn refused_count(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    /// Returns when the read has been served, or with `SlowDown`. A cancelled call frees its slot.
    pub(super) async fn serve(&self) -> S3Result<()> {
        if self.is_limited.load(Relaxed) {
            let Ok(_admitted) = self.admitted.try_acquire() else {
                self.rejected.fetch_add(1, Relaxed);
                return Err(s3_error!(SlowDown, "reduce your request rate"));
            };
            let _slot = self.slots.acquire().await.expect("the semaphore is never closed");
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
    async fn reads_beyond_the_slots_wait_and_beyond_the_queue_are_rejected() {
        let capacity = Capacity::new(CapacitySettings {
            slot_count: 1,
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
            slot_count: 1,
            service_time: Duration::from_secs(60),
            waiting_max: 0,
        });
        let began = tokio::time::Instant::now();
        assert!(tokio::join!(capacity.serve(), capacity.serve()).1.is_ok());
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(capacity.served_count(), 2);
    }
}
