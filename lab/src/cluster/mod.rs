//! The one harness: a cluster as processes of their own, with their addresses, proxies, data folder and object store.
//!
//! All processes end with the process that started them.

mod assigner_group;
mod assignment_observer;
mod data_folder;
mod failure_logs;
mod key_owners;
mod launcher;
mod member;
mod metrics_page;
mod operator_command;
mod pod_options;
mod pod_process;
mod process;
mod process_cluster;
mod s3_server;
mod storage;
mod tcp_proxy;

pub use self::assigner_group::AssignerGroup;
pub use self::assignment_observer::AssignmentObserver;
pub use self::data_folder::DataFolder;
pub use self::failure_logs::FailureLogs;
pub use self::launcher::{Addresses, LoopbackLauncher, ProcessLauncher};
pub use self::member::AssignerMember;
pub use self::metrics_page::MetricsPage;
pub use self::operator_command::OperatorCommand;
pub use self::pod_options::PodOptions;
pub use self::pod_process::{PodFault, PodProcess};
pub use self::process::{ChildProcess, ProcessSpec, READY, Signal};
pub use self::process_cluster::{ProcessCluster, ProcessClusterSettings};
pub use self::s3_server::{BUCKET, start_s3_server};
pub(crate) use self::storage::environment_of;
pub use self::storage::{Storage, StoreChoice};
