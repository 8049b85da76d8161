//! Pods.

use emberkeep_core::pod::{Incarnation, Pod, PodAddress, PodName, Weight};

use super::InvalidMessage;
use crate::pb;

/// The longest name of a zone, in bytes: that of a DNS name.
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
        }
    }
}

fn incarnation(bytes: &[u8]) -> Result<Incarnation, InvalidMessage> {
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

/// Text for people and logs: not too long, and nothing that would break a line.
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
        }
    }

    #[test]
    fn each_field_of_a_pod_is_checked() {
        assert!(Pod::try_from(wire()).is_ok());
        let bad = [
            (
                "name",
                pb::Pod {
                    name: "".into(),
                    ..wire()
                },
            ),
            (
                "name",
                pb::Pod {
                    name: "x".repeat(254),
                    ..wire()
                },
            ),
            (
                "incarnation",
                pb::Pod {
                    incarnation: vec![1; 15],
                    ..wire()
                },
            ),
            (
                "address",
                pb::Pod {
                    address: "here".into(),
                    ..wire()
                },
            ),
            (
                "zone",
                pb::Pod {
                    zone: "a\nb".into(),
                    ..wire()
                },
            ),
            (
                "zone",
                pb::Pod {
                    zone: "z".repeat(254),
                    ..wire()
                },
            ),
            (
                "weight_thousandths",
                pb::Pod {
                    weight_thousandths: 0,
                    ..wire()
                },
            ),
        ];
        for (field, wire) in bad {
            assert_eq!(Pod::try_from(wire).unwrap_err().field, field);
        }
    }
}
