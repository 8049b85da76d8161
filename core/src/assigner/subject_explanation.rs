//! The explanation of one subject: a key, a slice or a pod.

use std::fmt;

use thiserror::Error;

use super::overview::TargetOverview;
use super::pod_explanation::PodExplanation;
use super::slice_explanation::SliceExplanation;
use crate::keyspace::{Slice, SliceKey};
use crate::pod::PodName;

/// What an operator asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The slice that holds this key.
    Key(SliceKey),
    /// The slice that holds all these keys.
    Slice(Slice),
    /// A registered pod with its slices.
    Pod(PodName),
}

/// Why a subject is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum SubjectError {
    /// The keys are in several slices, which may have different owners and reasons.
    #[error("{asked} covers {slice_count} slices; ask about one of them, the first is {first}")]
    SeveralSlices {
        asked: Slice,
        slice_count: usize,
        first: Box<Slice>,
    },
    /// The pod is not registered.
    #[error("there is no pod {pod}; the pods are {}", listed(known))]
    UnknownPod { pod: PodName, known: Vec<PodName> },
}

/// The most pods that an error names.
const LISTED_PODS_MAX: usize = 10;

fn listed(pods: &[PodName]) -> String {
    let names: Vec<&str> = pods.iter().take(LISTED_PODS_MAX).map(PodName::as_str).collect();
    match pods.len().saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// Where the subject is, since when and why, and what would move it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the subjects")]
pub enum SubjectExplanation {
    Slice(Box<SliceExplanation>),
    Pod(Box<PodExplanation>),
}

impl SubjectExplanation {
    /// The explanation of the subject.
    ///
    /// # Errors
    /// When the subject is not one slice or one registered pod.
    pub fn try_of(overview: &TargetOverview, subject: &Subject) -> Result<Self, SubjectError> {
        let assignment = &overview.inputs.assignment;
        match subject {
            Subject::Key(key) => {
                let (slice, _) = assignment.get(key);
                let explanation = SliceExplanation::of(overview, &slice, Some(key.clone()));
                Ok(Self::Slice(Box::new(explanation)))
            }
            Subject::Slice(asked) => {
                let (first, _) = assignment.get(asked.start());
                let covered = assignment
                    .slices()
                    .iter()
                    .filter(|(slice, _)| slice.intersection(asked).is_some());
                match covered.count() {
                    ..=1 => Ok(Self::Slice(Box::new(SliceExplanation::of(overview, &first, None)))),
                    slice_count => Err(SubjectError::SeveralSlices {
                        asked: asked.clone(),
                        slice_count,
                        first: Box::new(first),
                    }),
                }
            }
            Subject::Pod(pod) if overview.pods.contains_key(pod) => {
                Ok(Self::Pod(Box::new(PodExplanation::of(overview, pod))))
            }
            Subject::Pod(pod) => Err(SubjectError::UnknownPod {
                pod: pod.clone(),
                known: overview.pods.keys().cloned().collect(),
            }),
        }
    }
}

impl fmt::Display for SubjectExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slice(slice) => slice.fmt(f),
            Self::Pod(pod) => pod.fmt(f),
        }
    }
}
