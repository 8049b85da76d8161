//! No bytes cause a panic, neither in a conversion nor in core with accepted messages.

use emberkeep_core::assigner::TargetSettings;
use emberkeep_core::assignment::{Assignment, AssignmentDiff, Update};
use emberkeep_core::load::{LoadHistory, LoadReport};
use emberkeep_core::pod::PodName;
use emberkeep_core::time::Timestamp;
use emberkeep_proto::convert::{
    FromAssigner, FromSlicelet, NotOwner, PodReport, TransferStart, Transferred, WatchStart, WatchUpdate,
    patched_settings,
};
use emberkeep_proto::pb;
use proptest::prelude::*;
use prost::Message;

use crate::arbitrary;

/// Decodes and converts the bytes as each kind of message.
fn read_as_everything(bytes: &[u8]) {
    read::<pb::WatchRequest, WatchStart>(bytes);
    read::<pb::WatchResponse, WatchUpdate>(bytes);
    read::<pb::SessionRequest, FromSlicelet>(bytes);
    read::<pb::SessionResponse, FromAssigner>(bytes);
    read::<pb::Assignment, Assignment>(bytes);
    read::<pb::AssignmentDiff, AssignmentDiff>(bytes);
    read::<pb::NotOwner, NotOwner>(bytes);
    read::<pb::TransferRequest, TransferStart>(bytes);
    read::<pb::TransferResponse, Transferred>(bytes);
    read::<pb::ReportRequest, PodReport>(bytes);
    if let Some(report) = read::<pb::LoadReport, LoadReport>(bytes) {
        let (pod, now) = (PodName::try_new("pod").unwrap(), Timestamp::ZERO);
        let mut history = LoadHistory::default();
        history.record(&pod, &report, now);
        history.forget(&pod, now);
        let _ = history.map(now);
    }
    if let Ok(wire) = pb::TargetSettings::decode(bytes) {
        let _ = patched_settings(TargetSettings::default(), &wire);
    }
}

fn read<W: Message + Default, T: TryFrom<W>>(bytes: &[u8]) -> Option<T> {
    W::decode(bytes).ok().and_then(|wire| T::try_from(wire).ok())
}

/// The bytes with some of them replaced: mostly still messages, but invalid ones.
fn mutated(mut bytes: Vec<u8>, mutations: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    if !bytes.is_empty() {
        mutations
            .iter()
            .for_each(|(place, byte)| *place.get_mut(&mut bytes) = *byte);
    }
    bytes
}

fn mutations() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn random_bytes_are_rejected_or_accepted(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn mutated_messages_are_rejected_or_accepted(
        up in arbitrary::from_slicelet(),
        down in arbitrary::from_assigner(),
        mutations in mutations(),
    ) {
        read_as_everything(&mutated(pb::SessionRequest::from(&up).encode_to_vec(), &mutations));
        read_as_everything(&mutated(pb::SessionResponse::from(&down).encode_to_vec(), &mutations));
    }

    #[test]
    fn a_mutated_transfer_is_rejected_or_accepted(
        start in arbitrary::transfer_start(),
        transferred in arbitrary::transferred(),
        mutations in mutations(),
    ) {
        read_as_everything(&mutated(pb::TransferRequest::from(&start).encode_to_vec(), &mutations));
        read_as_everything(&mutated(pb::TransferResponse::from(transferred).encode_to_vec(), &mutations));
    }

    #[test]
    fn an_accepted_update_can_be_applied_or_is_an_error(history in arbitrary::history(), mutations in mutations()) {
        let newest = history.last().unwrap();
        for held in &history {
            let update = newest.update_since(held.generation());
            let bytes = mutated(pb::AssignmentUpdate::from(&update).encode_to_vec(), &mutations);
            if let Some(Update::Diff(diff)) = read::<pb::AssignmentUpdate, Update>(&bytes) {
                let _ = held.apply(&diff);
            }
        }
    }
}
