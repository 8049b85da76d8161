//! One run of `emberkeep dev`: a cluster is started, requests are driven through it, and disruptions are injected.

mod harness;
mod settings;
mod target;

pub use self::harness::DevHarness;
pub use self::settings::DevSettings;
