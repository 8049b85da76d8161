//! A whole cluster as processes on one machine, disrupted and under load: what `emberkeep dev`, `emberkeep bench` and
//! the tests of whole programs share.
//!
//! ```text
//! cli, tests --> dev --> chaos --> cluster, load --> demo --> slicelet
//!            |                     ^
//!            +-> bench ------------+
//!
//! dev, bench, chaos, load --> report            dev, chaos, cluster --> monitoring
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | [`cluster`] | processes, their addresses and proxies, the data folder, the object store |
//! | [`demo`] | the demo service: its messages, one pod, the values that its keys must have |
//! | [`load`] | which request is due when, the clients that send it, what is counted |
//! | [`chaos`] | the disruptions, a file each, and the supervisor that injects and heals them |
//! | [`monitoring`] | the metrics of the clients, and a Prometheus that follows the processes |
//! | [`report`] | figures and their texts; a leaf: plain values in, text and JSON out |
//! | [`dev`] | one run of `emberkeep dev` |
//! | [`bench`](mod@bench) | the measurements of `emberkeep bench`, a file each |
//!
//! Entry points return boxed futures, so that a binary that calls them does not compile their bodies again.

pub mod bench;
pub mod chaos;
pub mod cluster;
mod deadline;
pub mod demo;
pub mod dev;
mod error;
pub mod load;
pub mod monitoring;
pub mod report;

pub use deadline::DEADLINE;
pub use error::LabError;
