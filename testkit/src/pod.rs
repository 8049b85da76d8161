//! Descriptions of pods: identity and address, without a process.

use std::fmt::Display;

use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName};

/// `pod-NUMBER` of incarnation NUMBER at 127.0.0.1:NUMBER. No process listens at the small ports that tests use here.
pub fn pod(number: u16) -> Pod {
    Pod {
        incarnation: Incarnation(number.into()),
        ..pod_at(&format!("pod-{number}"), format!("127.0.0.1:{number}"))
    }
}

/// The first incarnation of a pod, of ordinary weight, in no zone and without a memory limit.
pub fn pod_at(name: &str, address: impl Display) -> Pod {
    let name = PodName::try_new(name).expect("the test names a valid pod");
    let address = PodAddress::try_new(&address.to_string()).expect("the test gives a valid address");
    Pod::new(name, Incarnation(1), address)
}
