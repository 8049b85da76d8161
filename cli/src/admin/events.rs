//! `admin events`: decisions, moves, pod changes and alarms as lines, once or until Ctrl-C.

use std::time::Duration;

use emberkeep_assigner::{AdminError, AssignerAdmin};
use emberkeep_core::quantity_text::ReadableDuration;
use emberkeep_proto::pb;
use serde_json::{Value, json};

use crate::exit::CommandError;
use crate::{output, stop};

/// The interval between two polls of a followed target. One reply has at most the 1,000 incidents that a leader keeps.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The place up to which events are known.
#[derive(Debug, Default)]
pub(super) struct EventCursor {
    /// The leader and its term: the numbers of incidents begin again in each term.
    leader: Option<(u64, u64)>,
    after: u64,
    /// The generation of the last known decision: another leader knows it, too.
    generation: i64,
}

impl EventCursor {
    /// The incidents since the last call, and whether another leader answered than the last time.
    pub(super) async fn newer(
        &mut self,
        admin: &AssignerAdmin,
        target: &str,
    ) -> Result<(Vec<pb::Incident>, bool), AdminError> {
        let mut reply = admin.incidents(target, self.after).await?;
        let is_other = !self.advance(&reply);
        if is_other {
            reply = admin.incidents(target, 0).await?;
            self.advance(&reply);
        }
        Ok((self.unknown(reply.incidents), is_other))
    }

    /// Moves to the end of the reply; returns false, and moves to the beginning, if another leader than before sent it.
    fn advance(&mut self, reply: &pb::ListIncidentsResponse) -> bool {
        let leader = (reply.leader, reply.term);
        let is_same = self.leader.is_none_or(|known| known == leader);
        self.leader = Some(leader);
        let last = reply.incidents.last().map(|incident| incident.number);
        self.after = if is_same { last.unwrap_or(self.after) } else { 0 };
        is_same
    }

    /// Without the decisions that an earlier leader has reported.
    fn unknown(&mut self, mut incidents: Vec<pb::Incident>) -> Vec<pb::Incident> {
        let known = self.generation;
        incidents.retain(|incident| incident.generation.is_none_or(|generation| generation > known));
        let newest = incidents.iter().filter_map(|incident| incident.generation).max();
        self.generation = newest.unwrap_or(known);
        incidents
    }

    /// The leader that answered last, as text.
    pub(super) fn leader(&self) -> String {
        match self.leader {
            Some((member, term)) => format!("member {member} leads, term {term}"),
            None => "no leader has answered yet".to_owned(),
        }
    }
}

/// Prints the last events, and with `follow` each later one.
pub(super) async fn run(
    admin: &AssignerAdmin,
    target: &str,
    last: usize,
    follow: bool,
    as_json: bool,
) -> Result<(), CommandError> {
    let mut cursor = EventCursor::default();
    let (incidents, _) = cursor.newer(admin, target).await?;
    let shown = &incidents[incidents.len().saturating_sub(last)..];
    if !follow {
        return output::print(match as_json {
            true => format!("{:#}\n", shown.iter().map(in_json).collect::<Value>()),
            false => text(shown),
        });
    }
    print(shown, as_json)?;
    let stop = stop::on_signal()?;
    let followed = follow_from(&mut cursor, admin, target, as_json);
    stop.run_until_cancelled(followed).await.unwrap_or(Ok(()))
}

async fn follow_from(
    cursor: &mut EventCursor,
    admin: &AssignerAdmin,
    target: &str,
    as_json: bool,
) -> Result<(), CommandError> {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let (incidents, is_other_leader) = match cursor.newer(admin, target).await {
            Ok(newer) => newer,
            // Without a leader nothing happens; the next one may answer.
            Err(error @ AdminError::NoAnswer { .. }) => {
                eprintln!("{error}; trying again");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if is_other_leader {
            eprintln!("the leader has changed: {}", cursor.leader());
        }
        print(&incidents, as_json)?;
    }
}

fn print(incidents: &[pb::Incident], as_json: bool) -> Result<(), CommandError> {
    output::print(match as_json {
        true => incidents
            .iter()
            .map(|incident| format!("{}\n", in_json(incident)))
            .collect(),
        false => text(incidents),
    })
}

fn text(incidents: &[pb::Incident]) -> String {
    incidents
        .iter()
        .flat_map(lines)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// One line for the incident, and one for each of its moves.
pub(super) fn lines(incident: &pb::Incident) -> Vec<String> {
    let age = ReadableDuration(Duration::from_millis(incident.age_ms)).to_string();
    let line = |kind: &str, text: &str| format!("{age:>11} ago  {kind:<8}  {text}");
    let moves = incident.moves.iter().map(|moved| line("move", moved));
    std::iter::once(line(&incident.kind, &incident.text))
        .chain(moves)
        .collect()
}

fn in_json(incident: &pb::Incident) -> Value {
    json!({
        "number": incident.number,
        "age_ms": incident.age_ms,
        "kind": incident.kind,
        "text": incident.text,
        "moves": incident.moves,
        "generation": incident.generation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(leader: u64, numbers: &[u64]) -> pb::ListIncidentsResponse {
        let incident = |number: &u64| pb::Incident {
            number: *number,
            ..pb::Incident::default()
        };
        pb::ListIncidentsResponse {
            incidents: numbers.iter().map(incident).collect(),
            leader,
            term: leader,
        }
    }

    #[test]
    fn events_continue_after_the_last_one_and_begin_again_with_another_leader() {
        let mut cursor = EventCursor::default();
        assert!(cursor.advance(&reply(1, &[1, 2, 3])));
        assert!(cursor.advance(&reply(1, &[])));
        assert_eq!(cursor.after, 3);
        assert!(!cursor.advance(&reply(2, &[4])));
        assert_eq!((cursor.after, cursor.leader().as_str()), (0, "member 2 leads, term 2"));
        assert!(cursor.advance(&reply(2, &[1, 2, 3, 4])));
        assert_eq!(cursor.after, 4);
    }

    #[test]
    fn decisions_that_an_earlier_leader_reported_are_left_out() {
        let decided = |number: u64, generation| pb::Incident {
            number,
            generation,
            ..pb::Incident::default()
        };
        let mut cursor = EventCursor::default();
        assert_eq!(cursor.unknown(vec![decided(1, None), decided(2, Some(4))]).len(), 2);
        let of_next_leader = vec![
            decided(1, Some(3)),
            decided(2, Some(4)),
            decided(3, None),
            decided(4, Some(5)),
        ];
        let numbers: Vec<_> = cursor
            .unknown(of_next_leader)
            .iter()
            .map(|incident| incident.number)
            .collect();
        assert_eq!(numbers, [3, 4]);
    }

    #[test]
    fn a_decision_is_followed_by_its_moves() {
        let incident = pb::Incident {
            number: 7,
            age_ms: 15_200,
            kind: "decision".to_owned(),
            text: "generation 3: 1 slices moved".to_owned(),
            moves: vec!["[40, 80): to pod-1".to_owned()],
            generation: Some(3),
            ..pb::Incident::default()
        };
        let expected =
            "       15 s ago  decision  generation 3: 1 slices moved\n       15 s ago  move      [40, 80): to pod-1\n";
        assert_eq!(text(&[incident]), expected);
    }
}
