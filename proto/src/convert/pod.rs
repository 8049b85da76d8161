//! Pods with their names, addresses and limits.

use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};

use super::InvalidMessage;
use crate::pb;

/// The longest name of a zone, in bytes: the limit of a DNS name.
pub const ZONE_LENGTH_MAX: usize = 253;

impl TryFrom<pb::Pod> for Pod {
    type Error = InvalidMessage;

    fn try_from(wire: pb::Pod) -> Result<Self, InvalidMessage> {
        Ok(Self {
            name: PodName::try_new(&wire.name).map_err(|error| InvalidMessage::new("name", error))?,
            incarnation: incarnation(&wire.incarnation)?,
            address: PodAddress::try_new(&wire.address).map_err(|error| InvalidMessage::new("address", error))?,
            zone: short_text(&wire.zone, "zone", ZONE_LENGTH_MAX)?.into(),
            weight: weight(wire.weight_thousandths)?,
            memory_capacity: wire.memory_capacity_bytes.map(memory_capacity).transpose()?,
        })
    }
}

impl From<&Pod> for pb::Pod {
    fn from(pod: &Pod) -> Self {
        Self {
            name: pod.name.as_str().to_owned(),
            incarnation: pod.incarnation.0.to_be_bytes().to_vec(),
            address: pod.address.as_str().to_owned(),
            zone: pod.zone.as_ref().to_owned(),
            weight_thousandths: pod.weight.thousandths(),
            memory_capacity_bytes: pod.memory_capacity,
        }
    }
}

pub(super) fn incarnation(bytes: &[u8]) -> Result<Incarnation, InvalidMessage> {
    let wrong = |_| InvalidMessage::new("incarnation", format!("it has {} bytes, but must have 16", bytes.len()));
    let bytes = bytes.try_into().map_err(wrong)?;
    Ok(Incarnation(u128::from_be_bytes(bytes)))
}

fn weight(thousandths: u32) -> Result<Weight, InvalidMessage> {
    let wrong = || {
        let reason = format!("it is {thousandths}, allowed is 1 to {}", Weight::MAX.thousandths());
        InvalidMessage::new("weight_thousandths", reason)
    };
    Weight::from_thousandths(thousandths).ok_or_else(wrong)
}

fn memory_capacity(bytes: u64) -> Result<u64, InvalidMessage> {
    match bytes {
        0 => Err(InvalidMessage::new(
            "memory_capacity_bytes",
            "it is 0, but must be at least 1 where it is set",
        )),
        _ => Ok(bytes),
    }
}

/// Text for display and logs: bounded, and without control characters such as line breaks.
pub(super) fn short_text<'a>(text: &'a str, field: &str, length_max: usize) -> Result<&'a str, InvalidMessage> {
    if text.len() <= length_max && !text.contains(char::is_control) {
        return Ok(text);
    }
    let reason = format!("it must have at most {length_max} bytes and no control characters");
    Err(InvalidMessage::new(field, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> pb::Pod {
        pb::Pod {
            name: "pod-1".into(),
            incarnation: vec![1; 16],
            address: "127.0.0.1:80".into(),
            zone: "a".into(),
            weight_thousandths: 1_000,
            memory_capacity_bytes: Some(1 << 30),
        }
    }

    #[test]
    fn each_field_of_a_pod_is_checked() {
        assert!(Pod::try_from(wire()).is_ok());
        type CorruptPod = fn(&mut pb::Pod);
        let bad: [(&str, CorruptPod); 8] = [
            ("name", |pod| pod.name.clear()),
            ("name", |pod| pod.name = "x".repeat(254)),
            ("incarnation", |pod| pod.incarnation = vec![1; 15]),
            ("address", |pod| pod.address = "here".into()),
            ("zone", |pod| pod.zone = "a\nb".into()),
            ("zone", |pod| pod.zone = "z".repeat(254)),
            ("weight_thousandths", |pod| pod.weight_thousandths = 0),
            ("memory_capacity_bytes", |pod| pod.memory_capacity_bytes = Some(0)),
        ];
        for (field, corrupt) in bad {
            let mut wire = wire();
            corrupt(&mut wire);
            assert_eq!(Pod::try_from(wire).unwrap_err().field, field);
        }
    }
}
