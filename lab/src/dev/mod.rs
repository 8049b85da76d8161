//! Runs of `emberkeep dev`: a cluster is started, requests are driven through it, and disruptions are injected; or a cluster
//! that runs already gets requests.

mod harness;
mod running_cluster_load;
mod settings;
mod target;

pub use self::harness::DevHarness;
pub use self::running_cluster_load::RunningClusterLoad;
pub use self::settings::DevSettings;
