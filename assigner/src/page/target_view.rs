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
use super::timeline::{IncidentTimeline, IncidentView};

/// The most rows of pods in a view; the others are searched for, or read in pages.
pub(super) const ROWS_MAX: usize = 200;
/// The most moves in progress in a view.
const MOVES_MAX: usize = 40;

/// One target, with bounded lists of everything in it.
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
    pub(super) timeline: &'a IncidentTimeline,
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

#[cfg(test)]
mod tests {
    use emberkeep_core::assigner::TargetSettings;

    use super::super::pod_rows::pod_rows;
    use super::*;

    #[test]
    fn the_view_of_a_large_target_is_bounded() {
        let state = TargetState::new(TargetSettings::default());
        let pods = (0..3_000_u64).map(|number| pb::PodActivity {
            pod: format!("a-service-with-a-long-name-7f9c-{number}"),
            condition: "ready".to_owned(),
            load_milli: 1_000_000 + number,
            planned_load_milli: Some(1_000_000 + number),
            serving_count: 33,
            memory_bytes: 1 << 33,
            ..pb::PodActivity::default()
        });
        let activity = pb::DescribeActivityResponse {
            pods: pods.collect(),
            moves: vec![pb::MoveActivity::default(); 200],
            move_count: 12_000,
            ..pb::DescribeActivityResponse::default()
        };
        let band = pb::KeyBand {
            slice: Some(pb::Slice {
                start: vec![0xab; 8],
                end: Some(vec![0xcd; 8]),
            }),
            slice_count: 166,
            load_milli: 5_000_000,
            owner: Some("a-service-with-a-long-name-7f9c-2999".to_owned()),
            owner_count: 166,
            ..pb::KeyBand::default()
        };
        let key_space = pb::DescribeKeySpaceResponse {
            bands: vec![band; 600],
            ..pb::DescribeKeySpaceResponse::default()
        };
        let rows = pod_rows(&activity, &state);
        let view = TargetFacts {
            name: &TargetName::try_new("profiles").unwrap(),
            state: &state,
            activity: &activity,
            key_space: &key_space,
            rows: &rows,
            problem: None,
            timeline: &IncidentTimeline::default(),
            history: &History::default(),
            now: Instant::now(),
        };
        let view = view.view();
        assert_eq!((view.pods.count, view.pods.rows.len()), (3_000, ROWS_MAX));
        assert_eq!(view.pods.histogram.iter().sum::<u64>(), 3_000);
        assert_eq!(view.moves.len(), MOVES_MAX);
        let size = serde_json::to_string(&view).unwrap().len();
        assert!(size < 250_000, "{size} bytes");
    }
}
