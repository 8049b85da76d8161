//! `admin top`: a live view of a target in the terminal.

use std::io::{self, IsTerminal};
use std::time::Duration;

use emberkeep_assigner::{AdminError, AssignerAdmin};
use emberkeep_proto::pb;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::activity;
use super::events::EventCursor;
use super::top_view::TopView;
use crate::exit::CommandError;
use crate::output;

const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// The input that the view reacts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TopInput {
    Quit,
    /// Further down or up in the list of pods, by so many rows.
    Scroll(isize),
    /// The size of the terminal changed.
    Resize,
}

/// One answer of the assigner to a poll.
#[derive(Debug)]
enum TopUpdate {
    Refreshed {
        activity: Box<pb::DescribeActivityResponse>,
        /// The events since the last poll, oldest first.
        incidents: Vec<pb::Incident>,
    },
    /// No member answered; the next poll may be answered.
    NoAnswer(AdminError),
    /// The assigner rejected the request.
    Rejected(AdminError),
}

/// Shows the target until `q` or Ctrl-C; with `as_json`, prints one snapshot instead.
pub(super) async fn run(admin: &AssignerAdmin, target: &str, as_json: bool) -> Result<(), CommandError> {
    if as_json {
        let activity = admin.activity(target).await?;
        return output::print(format_args!("{:#}\n", activity::in_json(&activity)));
    }
    if !io::stdout().is_terminal() {
        return Err(CommandError::bad_input(
            "standard output is no terminal: `admin top --json` prints one snapshot, `admin events` the events",
        ));
    }
    let mut view = TopView::new(target, admin.activity(target).await?);
    let mut terminal = ratatui::try_init().map_err(terminal_failed)?;
    let outcome = show(&mut terminal, admin, target, &mut view).await;
    ratatui::restore();
    outcome
}

fn terminal_failed(error: io::Error) -> CommandError {
    CommandError::failed(format!("the terminal failed: {error}"))
}

async fn show(
    terminal: &mut DefaultTerminal,
    admin: &AssignerAdmin,
    target: &str,
    view: &mut TopView,
) -> Result<(), CommandError> {
    let mut inputs = inputs();
    let (sender, mut updates) = mpsc::channel(1);
    tokio::spawn(poll(admin.clone(), target.to_owned(), sender));
    loop {
        terminal.draw(|frame| view.draw(frame)).map_err(terminal_failed)?;
        tokio::select! {
            input = inputs.recv() => match input {
                None | Some(TopInput::Quit) => return Ok(()),
                Some(TopInput::Scroll(rows)) => view.scroll(rows),
                Some(TopInput::Resize) => {}
            },
            update = updates.recv() => match update {
                None => return Ok(()),
                Some(TopUpdate::Refreshed { activity, incidents }) => view.on_refresh(*activity, incidents),
                Some(TopUpdate::NoAnswer(error)) => view.on_silence(error.to_string()),
                Some(TopUpdate::Rejected(error)) => return Err(error.into()),
            },
        }
    }
}

/// Asks for activity and events each second, until the view has ended.
async fn poll(admin: AssignerAdmin, target: String, updates: mpsc::Sender<TopUpdate>) {
    let mut cursor = EventCursor::default();
    let mut ticks = interval(REFRESH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let update = match refreshed(&admin, &target, &mut cursor).await {
            Ok(update) => update,
            Err(error @ AdminError::NoAnswer { .. }) => TopUpdate::NoAnswer(error),
            Err(error) => TopUpdate::Rejected(error),
        };
        if updates.send(update).await.is_err() {
            return;
        }
    }
}

async fn refreshed(admin: &AssignerAdmin, target: &str, cursor: &mut EventCursor) -> Result<TopUpdate, AdminError> {
    let activity = Box::new(admin.activity(target).await?);
    let (incidents, _) = cursor.newer(admin, target).await?;
    Ok(TopUpdate::Refreshed { activity, incidents })
}

/// Reads the terminal in a thread, because it blocks; the thread ends with the process.
fn inputs() -> mpsc::Receiver<TopInput> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if let Some(input) = input_of(&event)
                && sender.blocking_send(input).is_err()
            {
                return;
            }
        }
    });
    receiver
}

fn input_of(event: &Event) -> Option<TopInput> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Press => input_of_key(key),
        Event::Resize(..) => Some(TopInput::Resize),
        _ => None,
    }
}

fn input_of_key(key: &KeyEvent) -> Option<TopInput> {
    const PAGE: isize = 10;
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Some(TopInput::Quit),
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(TopInput::Quit),
        KeyCode::Down | KeyCode::Char('j') => Some(TopInput::Scroll(1)),
        KeyCode::Up | KeyCode::Char('k') => Some(TopInput::Scroll(-1)),
        KeyCode::PageDown => Some(TopInput::Scroll(PAGE)),
        KeyCode::PageUp => Some(TopInput::Scroll(-PAGE)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_and_ctrl_c_quit_and_other_keys_scroll_or_do_nothing() {
        let pressed = |code, modifiers| input_of(&Event::Key(KeyEvent::new(code, modifiers)));
        let plain = KeyModifiers::NONE;
        assert_eq!(pressed(KeyCode::Char('q'), plain), Some(TopInput::Quit));
        assert_eq!(pressed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(TopInput::Quit));
        assert_eq!(pressed(KeyCode::Char('c'), plain), None);
        assert_eq!(pressed(KeyCode::PageUp, plain), Some(TopInput::Scroll(-10)));
        assert_eq!(input_of(&Event::Resize(80, 24)), Some(TopInput::Resize));
    }
}
