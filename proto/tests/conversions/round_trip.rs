//! What is written is what is read.

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

use crate::meanings;

/// Value to message to bytes to message to value.
fn there_and_back<T, W>(value: &T) -> Result<T, InvalidMessage>
where
    T: TryFrom<W, Error = InvalidMessage> + Debug,
    W: for<'a> From<&'a T> + Message + Default,
{
    let bytes = W::from(value).encode_to_vec();
    T::try_from(W::decode(bytes.as_slice()).unwrap())
}

proptest! {
    #[test]
    fn slices_and_pods_come_back(slice in meanings::slice(), pod in meanings::pod("[a-zA-Z0-9._-]{1,253}")) {
        prop_assert_eq!(there_and_back::<Slice, pb::Slice>(&slice), Ok(slice));
        prop_assert_eq!(there_and_back::<Pod, pb::Pod>(&pod), Ok(pod));
    }

    #[test]
    fn reports_of_pods_come_back(report in meanings::pod_report()) {
        prop_assert_eq!(there_and_back::<PodReport, pb::ReportRequest>(&report), Ok(report));
    }

    #[test]
    fn assignments_come_back(history in meanings::history()) {
        for assignment in &history {
            let back = there_and_back::<Assignment, pb::Assignment>(assignment);
            prop_assert_eq!(back.as_ref(), Ok(assignment.as_ref()));
        }
    }

    #[test]
    fn updates_come_back(update in meanings::update(), told in meanings::watch_update()) {
        prop_assert_eq!(there_and_back::<Update, pb::AssignmentUpdate>(&update), Ok(update));
        prop_assert_eq!(there_and_back::<WatchUpdate, pb::WatchResponse>(&told), Ok(told));
    }

    #[test]
    fn load_reports_come_back(report in meanings::load_report()) {
        prop_assert_eq!(there_and_back::<LoadReport, pb::LoadReport>(&report), Ok(report));
    }

    #[test]
    fn what_a_session_says_comes_back(up in meanings::from_slicelet(), down in meanings::from_assigner()) {
        prop_assert_eq!(there_and_back::<FromSlicelet, pb::SessionRequest>(&up), Ok(up));
        prop_assert_eq!(there_and_back::<FromAssigner, pb::SessionResponse>(&down), Ok(down));
    }

    #[test]
    fn the_start_of_a_watch_comes_back(start in meanings::watch_start()) {
        prop_assert_eq!(there_and_back::<WatchStart, pb::WatchRequest>(&start), Ok(start));
    }

    #[test]
    fn who_owns_instead_comes_back_from_a_status(not_owner in meanings::not_owner()) {
        prop_assert_eq!(NotOwner::from_status(&not_owner_status(&not_owner)), Some(not_owner));
    }

    #[test]
    fn a_transfer_comes_back(start in meanings::transfer_start(), transferred in meanings::transferred()) {
        prop_assert_eq!(there_and_back::<TransferStart, pb::TransferRequest>(&start), Ok(start));
        let bytes = pb::TransferResponse::from(transferred.clone()).encode_to_vec();
        let back = Transferred::try_from(pb::TransferResponse::decode(bytes.as_slice()).unwrap());
        prop_assert_eq!(back, Ok(transferred));
    }
}
