//! Pods for the unit tests of this crate.

use super::{Incarnation, Pod, PodAddress, PodName};

/// The pod `pod-<number>` in its first incarnation, at a port of its own.
pub(crate) fn pod(number: u64) -> Pod {
    pod_in(number, 0)
}

/// The pod `pod-<number>` in that incarnation.
pub(crate) fn pod_in(number: u64, incarnation: u128) -> Pod {
    let address = PodAddress::try_new(&format!("127.0.0.1:{}", 8_000 + number)).unwrap();
    Pod::new(pod_name(number), Incarnation(incarnation), address)
}

/// A pod of that name in its first incarnation, at the address that all pods of such a test share.
pub(crate) fn pod_named(name: &str) -> Pod {
    let address = PodAddress::try_new("127.0.0.1:80").unwrap();
    Pod::new(PodName::try_new(name).unwrap(), Incarnation(1), address)
}

/// The name of [`pod`] with that number.
pub(crate) fn pod_name(number: u64) -> PodName {
    PodName::try_new(&format!("pod-{number}")).unwrap()
}
