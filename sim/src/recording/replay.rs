//! Replaying a recording to fresh brains.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

use emberkeep_core::assigner::{
    BrainId, ChangeKind, RecordingEntry, StateChange, TargetAction, TargetBrain, TargetEvent, TargetState,
};
use emberkeep_core::brain::Brain;
use emberkeep_core::target::TargetName;
use emberkeep_core::time::Timestamp;

use super::error::{RecordingError, RecordingFault};
use super::reader::RecordingReader;

/// Replays a recording to fresh brains, up to the first decision that differs.
///
/// # Errors
/// When the source is not a recording, or is damaged before its end.
pub fn replay(source: impl BufRead) -> Result<ReplayReport, RecordingError> {
    let mut reader = RecordingReader::open(source)?;
    let mut player = RecordingPlayer::default();
    while let Some(record) = reader.next() {
        player
            .apply(record?, reader.number())
            .map_err(|fault| reader.error(fault))?;
        if player.replayed.divergence.is_some() {
            break;
        }
    }
    player.replayed.torn_bytes = reader.torn_bytes();
    Ok(player.replayed)
}

/// The brains and counts of a replay in progress.
#[derive(Debug, Default)]
struct RecordingPlayer {
    brains: BTreeMap<BrainId, ReplayedBrain>,
    replayed: ReplayReport,
}

/// A fresh brain and the last state given to it.
#[derive(Debug)]
struct ReplayedBrain {
    target: TargetName,
    brain: TargetBrain,
    state: Arc<TargetState>,
}

/// The outcome of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayReport {
    /// Brains replayed: one for each target and term of leadership.
    pub brain_count: u64,
    /// The number of events given to fresh brains.
    pub event_count: u64,
    /// The number of proposals, equal in the recording and the replay.
    pub proposal_count: u64,
    /// The number of proposals that change the assignment.
    pub assignment_count: u64,
    /// The bytes of an incomplete record at the end.
    pub torn_bytes: u64,
    /// The first decision that differs from the recorded one.
    pub divergence: Option<Divergence>,
}

/// A decision that differs from the recorded one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The number of the record, counted from 1.
    pub number: u64,
    /// The target of the brain.
    pub target: TargetName,
    /// The time of the event on the clock of the recorded assigner.
    pub now: Timestamp,
    /// The recorded proposal; `None` for no change.
    pub recorded: Option<ChangeKind>,
    /// The proposal of the fresh brain.
    pub decided: Option<ChangeKind>,
}

impl RecordingPlayer {
    fn apply(&mut self, record: RecordingEntry, number: u64) -> Result<(), RecordingFault> {
        match record {
            RecordingEntry::Began {
                brain,
                target,
                state,
                now,
            } => {
                let fresh = TargetBrain::new(Arc::clone(&state), now);
                self.brains.insert(brain, ReplayedBrain::new(target, fresh, state));
                self.replayed.brain_count += 1;
            }
            RecordingEntry::Stepped {
                brain,
                event,
                now,
                proposal,
            } => {
                let unknown = || RecordingFault::Inconsistent {
                    reason: format!("brain {} was not started", brain.0),
                };
                let replayed_brain = self.brains.get_mut(&brain).ok_or_else(unknown)?;
                let decided = replayed_brain.step(event, now)?;
                self.replayed.compare(Divergence {
                    number,
                    target: replayed_brain.target.clone(),
                    now,
                    recorded: proposal,
                    decided,
                });
            }
            RecordingEntry::Ended { brain } => {
                self.brains.remove(&brain);
            }
        }
        Ok(())
    }
}

impl ReplayReport {
    /// Counts a decision that equals the recorded one, or keeps it as the divergence.
    fn compare(&mut self, compared: Divergence) {
        let decided = compared.decided.as_ref();
        self.event_count += 1;
        if bytes_of(decided) == bytes_of(compared.recorded.as_ref()) {
            self.proposal_count += u64::from(decided.is_some());
            self.assignment_count += u64::from(matches!(decided, Some(ChangeKind::Assign { .. })));
        } else {
            self.divergence = Some(compared);
        }
    }
}

impl ReplayedBrain {
    const fn new(target: TargetName, brain: TargetBrain, state: Arc<TargetState>) -> Self {
        Self { target, brain, state }
    }

    /// Gives the brain an event; returns its proposal.
    fn step(&mut self, event: TargetEvent<StateChange>, now: Timestamp) -> Result<Option<ChangeKind>, RecordingFault> {
        let event = event.try_map_state(|change| {
            self.state = Arc::new(change.applied_to(&self.state)?);
            Ok(Arc::clone(&self.state))
        });
        let inconsistent = |error: emberkeep_core::assignment::DiffError| RecordingFault::Inconsistent {
            reason: error.to_string(),
        };
        let output = self.brain.step(event.map_err(inconsistent)?, now);
        Ok(output.actions.iter().find_map(TargetAction::proposal).cloned())
    }
}

/// The replicated encoding of a change, by which changes are compared.
fn bytes_of(change: Option<&ChangeKind>) -> Vec<u8> {
    postcard::to_stdvec(&change).expect("every change can be encoded")
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            brain_count,
            event_count,
            proposal_count,
            assignment_count,
            torn_bytes,
            divergence,
        } = self;
        write!(
            f,
            "brains {brain_count}, events {event_count}, proposals {proposal_count}, assignments {assignment_count}: "
        )?;
        match divergence {
            None => f.write_str("all as recorded")?,
            Some(_) => f.write_str("as recorded up to the next decision")?,
        }
        match torn_bytes {
            0 => Ok(()),
            count => write!(f, "\nthe last {count} bytes are an incomplete record"),
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            target,
            now,
            recorded,
            decided,
        } = self;
        let seconds = now.as_micros() / 1_000_000;
        let micros = now.as_micros() % 1_000_000;
        write!(
            f,
            "record {number}, target {target}, at {seconds}.{micros:06} s: recorded {}, decided {}",
            Proposed(recorded.as_ref()),
            Proposed(decided.as_ref())
        )
    }
}

/// A proposal in a short form.
struct Proposed<'a>(Option<&'a ChangeKind>);

impl fmt::Display for Proposed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("no change"),
            Some(ChangeKind::Assign { diff, .. }) => write!(
                f,
                "an assignment of generation {} with {} changed slices {:?}",
                diff.generation,
                diff.slices.len(),
                diff.slices
                    .iter()
                    .take(4)
                    .map(|changed| &changed.slice)
                    .collect::<Vec<_>>(),
            ),
            Some(other) => write!(f, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_core::assigner::{Applied, Change, ClusterState, RECORDING_HEADER, SessionId, TargetSettings};
    use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};

    use super::*;

    const BRAIN: BrainId = BrainId(7);

    /// A recording: pods register one after the other, then one of them is killed.
    fn records() -> Vec<RecordingEntry> {
        let target = TargetName::try_new("profiles").unwrap();
        let mut cluster = ClusterState::default();
        let settings = TargetSettings::default();
        let created = ChangeKind::CreateTarget { settings };
        change(&mut cluster, &target, created);
        let mut state = cluster.target(&target).unwrap().clone();
        let mut brain = TargetBrain::new(state.clone(), Timestamp::ZERO);
        let mut records = vec![RecordingEntry::Began {
            brain: BRAIN,
            target: target.clone(),
            state: state.clone(),
            now: Timestamp::ZERO,
        }];
        for (second, event) in events().into_iter().enumerate() {
            let now = Timestamp::from_millis(second as u64 * 1_000);
            let mut next = Some(event);
            while let Some(event) = next.take() {
                let recorded = event.clone().try_map_state(|after| {
                    let change = StateChange::between(&state, &after);
                    state = after;
                    Ok::<_, std::convert::Infallible>(change)
                });
                let output = brain.step(event, now);
                let proposal = output.actions.iter().find_map(TargetAction::proposal).cloned();
                records.push(RecordingEntry::Stepped {
                    brain: BRAIN,
                    event: recorded.unwrap(),
                    now,
                    proposal: proposal.clone(),
                });
                next = proposal.map(|kind| change(&mut cluster, &target, kind));
            }
        }
        records.push(RecordingEntry::Ended { brain: BRAIN });
        records
    }

    fn change(cluster: &mut ClusterState, target: &TargetName, kind: ChangeKind) -> TargetEvent {
        let outcome = cluster.apply(&Change {
            target: target.clone(),
            kind,
        });
        assert_eq!(outcome, Applied::Done);
        TargetEvent::ProposalEnded {
            outcome: Some(outcome),
            state: cluster.target(target).unwrap().clone(),
        }
    }

    fn events() -> Vec<TargetEvent> {
        let opened = |number: u64| TargetEvent::SessionOpened {
            session: SessionId(number),
            pod: Pod::new(
                PodName::try_new(&format!("pod-{number}")).unwrap(),
                Incarnation(u128::MAX - u128::from(number)),
                PodAddress::try_new("127.0.0.1:80").unwrap(),
            ),
        };
        let closed = TargetEvent::SessionClosed { session: SessionId(1) };
        let refused = TargetEvent::Probed {
            pod: PodName::try_new("pod-1").unwrap(),
            incarnation: Incarnation(u128::MAX - 1),
            outcome: emberkeep_core::assigner::ProbeOutcome::Refused,
        };
        vec![opened(0), opened(1), TargetEvent::Woke, closed, refused]
    }

    fn file_of(records: &[RecordingEntry]) -> Vec<u8> {
        let mut file = RECORDING_HEADER.as_bytes().to_vec();
        for record in records {
            let bytes = postcard::to_stdvec(record).unwrap();
            file.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
            file.extend(bytes);
        }
        file
    }

    #[test]
    fn a_replay_reaches_the_recorded_decisions() {
        let replayed = replay(file_of(&records()).as_slice()).unwrap();
        let expected = "brains 1, events 10, proposals 5, assignments 2: all as recorded";
        assert_eq!(replayed.to_string(), expected);
    }

    #[test]
    fn the_first_decision_that_differs_is_shown() {
        let mut records = records();
        let is_assignment = |record: &RecordingEntry| {
            let RecordingEntry::Stepped { proposal, .. } = record else {
                return false;
            };
            matches!(proposal, Some(ChangeKind::Assign { .. }))
        };
        let index = records.iter().position(is_assignment).unwrap();
        let RecordingEntry::Stepped { proposal, .. } = &mut records[index] else {
            unreachable!()
        };
        *proposal = Some(ChangeKind::Freeze { is_frozen: true });
        let divergence = replay(file_of(&records).as_slice()).unwrap().divergence.unwrap();
        assert_eq!(divergence.number, index as u64 + 1);
        let sentence = divergence.to_string();
        assert!(
            sentence.contains("recorded Freeze { is_frozen: true }, decided an assignment of generation"),
            "{sentence}"
        );
    }

    #[test]
    fn an_incomplete_last_record_is_ignored() {
        let records = records();
        let whole = file_of(&records);
        let last_but_one = file_of(&records[..records.len() - 1]);
        for end in last_but_one.len()..whole.len() {
            let replayed = replay(&whole[..end]).unwrap();
            assert_eq!((replayed.event_count, replayed.proposal_count), (10, 5));
            assert_eq!(replayed.torn_bytes, (end - last_but_one.len()) as u64);
        }
    }

    #[test]
    fn damage_before_the_end_is_reported_with_its_position() {
        let records = records();
        let error_of = |file: &[u8]| replay(file).unwrap_err().to_string();
        let mut other_version = file_of(&records);
        other_version[20] = b'9';
        assert_eq!(
            error_of(&other_version),
            r#"record 0, at byte 0: the file has format "emberkeep recording 9", this version reads "emberkeep recording 4""#
        );
        assert_eq!(
            error_of(b"at_ms,key,load\n"),
            r#"record 0, at byte 0: not a recording: the file must begin with "emberkeep recording 4""#
        );
        let mut broken = file_of(&records[..1]);
        let offset = broken.len();
        broken.extend([1, 0, 0, 0, 99]);
        assert!(error_of(&broken).starts_with(&format!("record 2, at byte {offset}: the record is damaged: ")));
        assert_eq!(
            error_of(&file_of(&records[1..])),
            format!(
                "record 1, at byte {}: the record does not match the records before it: brain 7 was not started",
                RECORDING_HEADER.len()
            )
        );
    }
}
