//! The chart of one simulated cluster: load, outages, warm keys, handoffs and moves over time, and an HTML page that plots them.
//!
//! ```text
//! SimCluster, its events --> ChartRecorder --> RunChart --> page --> one HTML file that needs no network
//!                                                 ^
//!                                 Timeline -------+  notes: faults, decisions with their reasons, alarms
//! ```

mod chart_recorder;
mod cluster_curves;
mod page;
mod run_chart;

pub(crate) use chart_recorder::ChartRecorder;
pub use cluster_curves::ClusterCurves;
pub(crate) use cluster_curves::CurvePoint;
pub use page::page;
pub(crate) use run_chart::ChartTexts;
pub use run_chart::RunChart;
