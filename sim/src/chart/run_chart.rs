//! The chart of a run: what its page shows.

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::ClusterCurves;
use crate::html_page::Bands;
use crate::observer::TimelineNote;

/// One run of a simulated cluster, serialized into the page. All numbers are integers, so that the bytes do not depend on the machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunChart {
    #[serde(flatten)]
    pub(super) texts: ChartTexts,
    /// The names of all pods that were ever added, in that order.
    pub(super) pods: Vec<String>,
    pub(super) key_count: usize,
    /// The capacity of a pod of weight 1 in the end, in milli-units a second.
    pub(super) capacity: u64,
    pub(super) end_ms: u64,
    pub(super) curves: ClusterCurves,
    pub(super) bands: Bands,
    #[serde(serialize_with = "notes")]
    pub(super) notes: Vec<TimelineNote>,
}

impl RunChart {
    /// The seed that the run was made from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.texts.seed
    }
}

/// The texts of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ChartTexts {
    pub(crate) title: String,
    /// What happens in the run, in one or two sentences.
    pub(crate) lead: String,
    /// Whether the run violated an invariant, which the page emphasizes.
    pub(crate) is_violated: bool,
    pub(crate) seed: u64,
    /// What the run was made from: a scenario, or the disturbances of a case.
    pub(crate) script: String,
    /// The figures of the run, one line each; empty if there are none.
    pub(crate) summary: String,
    /// When the figures of the summary begin, in milliseconds.
    pub(crate) watch_from_ms: u64,
}

/// Serializes notes with their time in microseconds, since two of them may be in one millisecond.
fn notes<S: Serializer>(notes: &[TimelineNote], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(notes.len()))?;
    for note in notes {
        sequence.serialize_element(&(note.at.as_micros(), note.kind, &note.text, &note.details))?;
    }
    sequence.end()
}
