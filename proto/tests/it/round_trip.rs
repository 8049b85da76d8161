//! Each value survives the round trip over the wire.

use std::fmt::Debug;

use emberkeep_core::assignment::{Assignment, Update};
use emberkeep_core::keyspace::Slice;
use emberkeep_core::load::LoadReport;
use emberkeep_core::pod::Pod;
use emberkeep_proto::convert::{
    FromAssigner, FromSlicelet, InvalidMessage, NotOwner, PodReport, TransferStart, Transferred, WatchStart,
    WatchUpdate, not_owner_status,
};
use emberkeep_proto::pb;
use proptest::prelude::*;
use prost::Message;

use crate::arbitrary;

/// Converts a value to a message and bytes, and back.
fn round_trip<T, W>(value: &T) -> Result<T, InvalidMessage>
where
    T: TryFrom<W, Error = InvalidMessage> + Debug,
    W: for<'a> From<&'a T> + Message + Default,
{
    let bytes = W::from(value).encode_to_vec();
    T::try_from(W::decode(bytes.as_slice()).unwrap())
}

proptest! {
    #[test]
    fn slices_and_pods_survive_the_round_trip(slice in arbitrary::slice(), pod in arbitrary::pod("[a-zA-Z0-9._-]{1,253}")) {
        prop_assert_eq!(round_trip::<Slice, pb::Slice>(&slice), Ok(slice));
        prop_assert_eq!(round_trip::<Pod, pb::Pod>(&pod), Ok(pod));
    }

    #[test]
    fn pod_reports_survive_the_round_trip(report in arbitrary::pod_report()) {
        prop_assert_eq!(round_trip::<PodReport, pb::ReportRequest>(&report), Ok(report));
    }

    #[test]
    fn assignments_survive_the_round_trip(history in arbitrary::history()) {
        for assignment in &history {
            let back = round_trip::<Assignment, pb::Assignment>(assignment);
            prop_assert_eq!(back.as_ref(), Ok(assignment.as_ref()));
        }
    }

    #[test]
    fn updates_survive_the_round_trip(update in arbitrary::update(), watch_update in arbitrary::watch_update()) {
        prop_assert_eq!(round_trip::<Update, pb::AssignmentUpdate>(&update), Ok(update));
        prop_assert_eq!(round_trip::<WatchUpdate, pb::WatchResponse>(&watch_update), Ok(watch_update));
    }

    #[test]
    fn load_reports_survive_the_round_trip(report in arbitrary::load_report()) {
        prop_assert_eq!(round_trip::<LoadReport, pb::LoadReport>(&report), Ok(report));
    }

    #[test]
    fn session_messages_survive_the_round_trip(up in arbitrary::from_slicelet(), down in arbitrary::from_assigner()) {
        prop_assert_eq!(round_trip::<FromSlicelet, pb::SessionRequest>(&up), Ok(up));
        prop_assert_eq!(round_trip::<FromAssigner, pb::SessionResponse>(&down), Ok(down));
    }

    #[test]
    fn watch_requests_survive_the_round_trip(start in arbitrary::watch_start()) {
        prop_assert_eq!(round_trip::<WatchStart, pb::WatchRequest>(&start), Ok(start));
    }

    #[test]
    fn owner_hints_in_a_status_survive_the_round_trip(not_owner in arbitrary::not_owner()) {
        prop_assert_eq!(NotOwner::from_status(&not_owner_status(&not_owner)), Some(not_owner));
    }

    #[test]
    fn transfer_messages_survive_the_round_trip(start in arbitrary::transfer_start(), transferred in arbitrary::transferred()) {
        prop_assert_eq!(round_trip::<TransferStart, pb::TransferRequest>(&start), Ok(start));
        let bytes = pb::TransferResponse::from(transferred.clone()).encode_to_vec();
        let back = Transferred::try_from(pb::TransferResponse::decode(bytes.as_slice()).unwrap());
        prop_assert_eq!(back, Ok(transferred));
    }
}
