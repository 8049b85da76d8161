//! The balancer: what the next assignment is.

mod settings;

pub use settings::{BalancerSettings, Imbalance};
