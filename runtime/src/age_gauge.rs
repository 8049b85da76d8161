//! A gauge of the time since something was last confirmed, computed when it is collected.
//!
//! A gauge that a task updates stops growing when the task hangs, which is when its value matters most.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::Opts;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use tokio::time::Instant;

use crate::computed_gauge::ComputedGauge;

/// A gauge of an age in seconds. Clones share the age.
#[derive(Debug, Clone)]
pub struct AgeGauge {
    gauge: ComputedGauge,
    age: Arc<Mutex<Age>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// Confirmed at every moment until further notice: the age is 0.
    Current,
    /// Confirmed last at that time.
    Since(Instant),
}

impl AgeGauge {
    /// A gauge whose age starts now.
    ///
    /// # Errors
    /// When the name or a label is not valid.
    pub fn with_opts(opts: Opts) -> prometheus::Result<Self> {
        let age = Arc::new(Mutex::new(Age::Since(Instant::now())));
        let computed = Arc::clone(&age);
        let seconds = move || match *computed.lock().unwrap_or_else(PoisonError::into_inner) {
            Age::Current => 0.0,
            Age::Since(at) => at.elapsed().as_secs_f64(),
        };
        let gauge = ComputedGauge::with_opts(opts, Arc::new(seconds))?;
        Ok(Self { gauge, age })
    }

    /// Confirmed at this moment: the age starts again.
    pub fn on_confirmed(&self) {
        self.set(Age::Since(Instant::now()));
    }

    /// Confirmed last at that time: the age starts there.
    pub fn on_confirmed_at(&self, at: Instant) {
        self.set(Age::Since(at));
    }

    /// Confirmed at every moment, until [`AgeGauge::on_confirmation_lost`]: the age is 0.
    pub fn on_confirmation_gained(&self) {
        self.set(Age::Current);
    }

    /// No longer confirmed at every moment: the age grows from now on, unless it does so already.
    pub fn on_confirmation_lost(&self) {
        let mut age = self.age.lock().unwrap_or_else(PoisonError::into_inner);
        if *age == Age::Current {
            *age = Age::Since(Instant::now());
        }
    }

    fn set(&self, age: Age) {
        *self.age.lock().unwrap_or_else(PoisonError::into_inner) = age;
    }
}

impl Collector for AgeGauge {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn value(gauge: &AgeGauge) -> f64 {
        gauge.collect()[0].get_metric()[0].get_gauge().get_value()
    }

    #[tokio::test(start_paused = true)]
    async fn the_age_grows_from_the_last_confirmation_on() {
        let gauge = AgeGauge::with_opts(Opts::new("emberkeep_test_age_seconds", "Time since the last test.")).unwrap();
        let pass = async |seconds| tokio::time::advance(Duration::from_secs(seconds)).await;
        pass(3).await;
        assert_eq!(value(&gauge), 3.0);
        gauge.on_confirmed();
        pass(2).await;
        assert_eq!(value(&gauge), 2.0);
        gauge.on_confirmation_gained();
        pass(5).await;
        assert_eq!(value(&gauge), 0.0);
        gauge.on_confirmation_lost();
        pass(1).await;
        gauge.on_confirmation_lost();
        pass(1).await;
        assert_eq!(value(&gauge), 2.0);
    }
}
