//! The view of one target: everything that the page shows of it, as JSON.

use emberkeep_core::assigner::TargetState;
use emberkeep_core::target::{KeyMode, TargetName};
use emberkeep_proto::pb;
use serde::Serialize;
use tokio::time::Instant;

use super::history::{History, SampleView};
use super::key_bands::{KeySpaceView, range_text};
use super::pod_rows::{PodRow, histogram, mean_milli};
use super::questions::{QuestionInputs, QuestionView};
use super::timeline::{IncidentView, Timeline};

/// The most rows of pods in a view; the others are searched for, or read in pages.
pub(super) const ROWS_MAX: usize = 200;
/// The most moves in progress in a view.
const MOVES_MAX: usize = 40;

/// One target.
#[derive(Debug, Serialize)]
pub(super) struct TargetView {
    name: String,
    generation: i64,
    is_frozen: bool,
    key_mode: &'static str,
    slice_count: usize,
    /// Why the leader did not answer; absent if it did.
    problem: Option<String>,
    questions: Vec<QuestionView>,
    status: String,
    troubles: Vec<String>,
    load: LoadView,
    pods: PodsView,
    key_space: KeySpaceView,
    moves: Vec<MoveView>,
    move_count: u64,
    history: Vec<SampleView>,
    timeline: Vec<IncidentView>,
}

#[derive(Debug, Serialize)]
struct LoadView {
    total_milli: u64,
    mean_milli: Option<u64>,
    band_lower_milli: u64,
    band_upper_milli: u64,
    budget_used_thousandths: u64,
}

#[derive(Debug, Serialize)]
struct PodsView {
    count: usize,
    rows: Vec<PodRow>,
    histogram: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct MoveView {
    range: String,
    from: Option<String>,
    to: String,
    is_queued: bool,
    warm_share_thousandths: u32,
}

/// The facts of a view.
pub(super) struct TargetFacts<'a> {
    pub(super) name: &'a TargetName,
    pub(super) state: &'a TargetState,
    pub(super) activity: &'a pb::DescribeActivityResponse,
    pub(super) key_space: &'a pb::DescribeKeySpaceResponse,
    pub(super) rows: &'a [PodRow],
    pub(super) problem: Option<String>,
    pub(super) timeline: &'a Timeline,
    pub(super) history: &'a History,
    pub(super) now: Instant,
}

impl TargetFacts<'_> {
    pub(super) fn view(&self) -> TargetView {
        let Self {
            name,
            state,
            activity,
            key_space,
            rows,
            problem,
            timeline,
            history,
            now,
        } = self;
        let questions = QuestionInputs {
            state,
            activity,
            rows,
            timeline,
            is_led: problem.is_none(),
            now: *now,
        };
        TargetView {
            name: name.as_str().to_owned(),
            generation: activity.generation,
            is_frozen: state.is_frozen,
            key_mode: match state.settings.key_mode {
                KeyMode::Hashed => "hashed",
                KeyMode::Ordered => "ordered",
            },
            slice_count: state.assignment.slices().slice_count(),
            problem: problem.clone(),
            questions: questions.answers(),
            status: activity.status.clone(),
            troubles: activity.troubles.clone(),
            load: LoadView {
                total_milli: activity.total_milli,
                mean_milli: mean_milli(activity, state),
                band_lower_milli: activity.band_lower_milli,
                band_upper_milli: activity.band_upper_milli,
                budget_used_thousandths: activity.budget_used_thousandths,
            },
            pods: PodsView {
                count: rows.len(),
                rows: rows.iter().take(ROWS_MAX).cloned().collect(),
                histogram: histogram(rows),
            },
            key_space: KeySpaceView::from(*key_space),
            moves: moves(&activity.moves),
            move_count: activity.move_count,
            history: history.views(*now),
            timeline: timeline.views(*now),
        }
    }
}

/// The first moves, those that warm before those that wait for a slot.
fn moves(moves: &[pb::MoveActivity]) -> Vec<MoveView> {
    let mut views: Vec<MoveView> = moves.iter().map(moving).collect();
    views.sort_by_key(|view| view.is_queued);
    views.truncate(MOVES_MAX);
    views
}

fn moving(moving: &pb::MoveActivity) -> MoveView {
    let warming = moving.warming.clone().unwrap_or_default();
    MoveView {
        range: moving.slice.as_ref().map(range_text).unwrap_or_default(),
        from: warming.source,
        to: moving.to.clone(),
        is_queued: warming.is_queued,
        warm_share_thousandths: warming.heat_share_thousandths,
    }
}
