//! Reports of clerks about unreachable pods.

use emberkeep_core::pod::{Incarnation, PodName};
use emberkeep_core::target::TargetName;

use super::InvalidMessage;
use super::pod::incarnation;
use super::watch::target_name;
use crate::pb;

/// The report of a clerk that a pod is unreachable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodReport {
    /// The target of the pod.
    pub target: TargetName,
    /// The name of the unreachable pod.
    pub pod: PodName,
    /// The incarnation that was called.
    pub incarnation: Incarnation,
}

impl TryFrom<pb::ReportRequest> for PodReport {
    type Error = InvalidMessage;

    fn try_from(wire: pb::ReportRequest) -> Result<Self, InvalidMessage> {
        Ok(Self {
            target: target_name(&wire.target)?,
            pod: PodName::try_new(&wire.pod).map_err(|error| InvalidMessage::new("pod", error))?,
            incarnation: incarnation(&wire.incarnation)?,
        })
    }
}

impl From<&PodReport> for pb::ReportRequest {
    fn from(report: &PodReport) -> Self {
        Self {
            target: report.target.as_str().to_owned(),
            pod: report.pod.as_str().to_owned(),
            incarnation: report.incarnation.0.to_be_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_of_a_report_is_checked() {
        let wire = || pb::ReportRequest {
            target: "profiles".into(),
            pod: "pod-1".into(),
            incarnation: vec![1; 16],
        };
        assert!(PodReport::try_from(wire()).is_ok());
        type CorruptReport = fn(&mut pb::ReportRequest);
        let bad: [(&str, CorruptReport); 4] = [
            ("target", |report| report.target = "No".into()),
            ("pod", |report| report.pod.clear()),
            ("pod", |report| report.pod = "x".repeat(254)),
            ("incarnation", |report| report.incarnation = vec![1; 17]),
        ];
        for (field, corrupt) in bad {
            let mut wire = wire();
            corrupt(&mut wire);
            assert_eq!(PodReport::try_from(wire).unwrap_err().field, field);
        }
    }
}
