//! The view of `admin top`: a target's pods, moves and events, drawn into a frame.

use std::collections::VecDeque;
use std::time::Instant;

use emberkeep_core::load::Load;
use emberkeep_core::quantity_text::{PerSecond, Percentage};
use emberkeep_proto::pb;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph, Row, Table, TableState};

use super::{events, keys};

/// The most events that the view keeps.
const EVENTS_MAX: usize = 100;
/// The width of a load bar, in characters.
const BAR_WIDTH: usize = 20;
const MOVES_HEIGHT: u16 = 8;
const EVENTS_HEIGHT: u16 = 10;
/// On a terminal lower than this only the pods are shown.
const FULL_HEIGHT_MIN: u16 = 30;

/// What is shown, as of the last answer of the assigner.
#[derive(Debug)]
pub(super) struct TopView {
    target: String,
    activity: pb::DescribeActivityResponse,
    /// Newest last, each with the time of its arrival.
    incidents: VecDeque<(pb::Incident, Instant)>,
    /// The error of the last poll, if it was not answered.
    silence: Option<String>,
    table: TableState,
}

impl TopView {
    pub(super) fn new(target: &str, activity: pb::DescribeActivityResponse) -> Self {
        Self {
            target: target.to_owned(),
            activity,
            incidents: VecDeque::new(),
            silence: None,
            table: TableState::default(),
        }
    }

    pub(super) fn on_refresh(&mut self, activity: pb::DescribeActivityResponse, incidents: Vec<pb::Incident>) {
        self.activity = activity;
        self.silence = None;
        let now = Instant::now();
        self.incidents
            .extend(incidents.into_iter().map(|incident| (incident, now)));
        let surplus = self.incidents.len().saturating_sub(EVENTS_MAX);
        self.incidents.drain(..surplus);
    }

    pub(super) fn on_silence(&mut self, error: String) {
        self.silence = Some(error);
    }

    /// Moves the list of pods down, or up.
    pub(super) fn scroll(&mut self, rows: isize) {
        let last = self.activity.pods.len().saturating_sub(1);
        let offset = self.table.offset().saturating_add_signed(rows).min(last);
        *self.table.offset_mut() = offset;
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let heading = self.heading();
        let height = u16::try_from(heading.len()).unwrap_or(u16::MAX);
        let is_full = frame.area().height >= FULL_HEIGHT_MIN;
        let [moves, events] = match is_full {
            true => [MOVES_HEIGHT, EVENTS_HEIGHT],
            false => [0, 0],
        };
        let constraints = [
            Constraint::Length(height),
            Constraint::Min(4),
            Constraint::Length(moves),
            Constraint::Length(events),
        ];
        let [top, pods_area, moves_area, events_area] = Layout::vertical(constraints).areas(frame.area());
        frame.render_widget(Paragraph::new(heading), top);
        self.draw_pods(frame, pods_area);
        if is_full {
            self.draw_moves(frame, moves_area);
            self.draw_events(frame, events_area);
        }
    }

    fn heading(&self) -> Vec<Line<'static>> {
        let activity = &self.activity;
        let rate = |milli| PerSecond(Load::from_milli(milli));
        let alarm = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        let mut lines = vec![
            Line::styled(
                format!(
                    "target {}  generation {}  member {} leads, term {}  (q quits, arrows scroll)",
                    self.target, activity.generation, activity.leader, activity.term
                ),
                Modifier::BOLD,
            ),
            Line::raw(format!(
                "load {}  band {} to {}  moves in progress {}  budget for moves used {}",
                rate(activity.total_milli),
                rate(activity.band_lower_milli),
                rate(activity.band_upper_milli),
                activity.move_count,
                Percentage(activity.budget_used_thousandths)
            )),
            Line::raw(format!("now: {}", activity.status)),
        ];
        let troubles = activity.troubles.iter().map(|trouble| format!("trouble: {trouble}"));
        let silence = self.silence.iter().map(|error| format!("not up to date: {error}"));
        lines.extend(troubles.chain(silence).map(|line| Line::styled(line, alarm)));
        lines
    }

    fn draw_pods(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let hottest = self
            .activity
            .pods
            .iter()
            .map(|pod| pod.load_milli)
            .max()
            .unwrap_or_default();
        let rows = self
            .activity
            .pods
            .iter()
            .map(|pod| pod_row(pod, hottest, &self.activity));
        let header = [
            "POD",
            "STATE",
            "LOAD",
            "",
            "OF CAPACITY",
            "PLANNED",
            "SERVING",
            "WARMING",
            "WARM",
            "YIELDING",
            "LEAVING",
        ];
        let widths = [
            Constraint::Min(12),
            Constraint::Length(9),
            Constraint::Length(11),
            Constraint::Length(20),
            Constraint::Length(11),
            Constraint::Length(11),
            Constraint::Length(7),
            Constraint::Length(7),
            Constraint::Length(7),
            Constraint::Length(8),
            Constraint::Length(7),
        ];
        let table = Table::new(rows, widths)
            .header(Row::new(header).style(Modifier::BOLD))
            .block(
                Block::new()
                    .borders(Borders::TOP)
                    .title(format!("{} pods", self.activity.pods.len())),
            );
        frame.render_stateful_widget(table, area, &mut self.table);
    }

    fn draw_moves(&self, frame: &mut Frame<'_>, area: Rect) {
        let lines = self.activity.moves.iter().map(|moving| Line::raw(move_line(moving)));
        let block = Block::new().borders(Borders::TOP).title("moves in progress");
        frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
    }

    fn draw_events(&self, frame: &mut Frame<'_>, area: Rect) {
        let newest_first = self.incidents.iter().rev().flat_map(|(incident, arrived)| {
            let since = u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX);
            let aged = pb::Incident {
                age_ms: incident.age_ms.saturating_add(since),
                ..incident.clone()
            };
            events::lines(&aged)
        });
        let lines: Vec<_> = newest_first.take(area.height.into()).map(Line::raw).collect();
        let block = Block::new().borders(Borders::TOP).title("events, newest first");
        frame.render_widget(Paragraph::new(lines).block(block), area);
    }
}

/// The bar is full for the hottest pod; a pod outside the band is coloured.
fn pod_row(pod: &pb::PodActivity, hottest: u64, activity: &pb::DescribeActivityResponse) -> Row<'static> {
    let rate = |milli| PerSecond(Load::from_milli(milli)).to_string();
    let planned = pod.planned_load_milli;
    let style = match (pod.condition.as_str(), planned) {
        ("suspect", _) => Style::new().fg(Color::Red),
        ("ready", Some(planned)) if planned > activity.band_upper_milli => Style::new().fg(Color::Yellow),
        ("ready", _) => Style::new(),
        _ => Style::new().fg(Color::Cyan),
    };
    Row::new([
        pod.pod.clone(),
        pod.condition.clone(),
        rate(pod.load_milli),
        bar(pod.load_milli, hottest),
        Percentage(share(pod.load_milli, pod.capacity_milli)).to_string(),
        planned.map_or_else(|| "-".to_owned(), rate),
        pod.serving_count.to_string(),
        pod.warming_count.to_string(),
        pod.warm_share_thousandths
            .map_or_else(|| "-".to_owned(), |share| Percentage(share).to_string()),
        pod.yielding_count.to_string(),
        pod.leaving_count.to_string(),
    ])
    .style(style)
}

fn move_line(moving: &pb::MoveActivity) -> String {
    let warming = moving.warming.clone().unwrap_or_default();
    let slice = moving.slice.as_ref().map(keys::printed).unwrap_or_default();
    let from = warming.source.unwrap_or_else(|| "object storage".to_owned());
    let progress = match warming.is_queued {
        true => "waits for a slot".to_owned(),
        false => format!("{} warm", Percentage(warming.heat_share_thousandths.into())),
    };
    format!("{slice}  {from} -> {}  {progress}", moving.to)
}

/// In thousandths; 0 of nothing.
fn share(part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(part) * 1_000 / u128::from(whole.max(1))).unwrap_or(u64::MAX)
}

fn bar(load: u64, hottest: u64) -> String {
    let filled = share(load, hottest).min(1_000) * BAR_WIDTH as u64 / 1_000;
    (0..filled).map(|_| '\u{2588}').collect()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn activity() -> pb::DescribeActivityResponse {
        let pod = |name: &str, load_milli, condition: &str| pb::PodActivity {
            pod: name.to_owned(),
            condition: condition.to_owned(),
            load_milli,
            capacity_milli: 1_000_000,
            planned_load_milli: Some(load_milli),
            serving_count: 32,
            warm_share_thousandths: Some(412),
            ..pb::PodActivity::default()
        };
        let moving = pb::MoveActivity {
            slice: Some(pb::Slice {
                start: vec![0x40],
                end: Some(vec![0x80]),
            }),
            to: "pod-2".to_owned(),
            warming: Some(pb::WarmingProgress {
                heat_share_thousandths: 412,
                source: Some("pod-1".to_owned()),
                ..pb::WarmingProgress::default()
            }),
        };
        pb::DescribeActivityResponse {
            generation: 7,
            leader: 1,
            term: 3,
            status: "the load is being balanced".to_owned(),
            total_milli: 132_148,
            pods: vec![pod("pod-1", 100_000, "ready"), pod("pod-2", 32_148, "draining")],
            moves: vec![moving],
            move_count: 1,
            ..pb::DescribeActivityResponse::default()
        }
    }

    fn drawn(view: &mut TopView, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(130, height)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn pods_moves_and_events_are_drawn_with_units() {
        let mut view = TopView::new("demo", activity());
        let incident = pb::Incident {
            age_ms: 15_000,
            kind: "pod".to_owned(),
            text: "pod-2 drains".to_owned(),
            ..pb::Incident::default()
        };
        view.on_refresh(activity(), vec![incident]);
        let shown = drawn(&mut view, 40);
        for text in [
            "target demo  generation 7  member 1 leads, term 3",
            "load 132.1/s",
            "  draining  32.1/s ",
            "40..80  pod-1 -> pod-2  41.2 % warm",
            "15 s ago  pod       pod-2 drains",
        ] {
            assert!(shown.contains(text), "{text} is missing in\n{shown}");
        }
        view.on_silence("no answer from http://127.0.0.1:1".to_owned());
        assert!(
            drawn(&mut view, 12).contains("not up to date: no answer"),
            "a low terminal shows it, too"
        );
    }

    #[test]
    fn the_list_of_pods_scrolls_within_its_bounds() {
        let mut view = TopView::new("demo", activity());
        view.scroll(-1);
        assert_eq!(view.table.offset(), 0);
        view.scroll(10);
        assert_eq!(view.table.offset(), 1);
        assert!(!drawn(&mut view, 40).contains("100.0/s"), "the first row is above");
    }
}
