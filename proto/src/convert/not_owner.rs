//! The answer of a pod to a request for a key that it does not own.

use emberkeep_core::assignment::Generation;
use emberkeep_core::keyspace::Slice;
use emberkeep_core::pod::Pod;
use http::{HeaderMap, HeaderName};
use prost::Message;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use super::InvalidMessage;
use super::invalid_message::required;
use super::slice::generation;
use crate::pb;

/// The metadata key of a [`NotOwner`] in a status.
pub const NOT_OWNER_KEY: &str = "emberkeep-not-owner-bin";

/// The routing information of a pod that does not own the requested key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOwner {
    /// The generation of the pod's assignment; [`Generation::NONE`] if it has none yet.
    pub generation: Generation,
    /// The slice that holds the key.
    pub slice: Slice,
    /// The owner of the slice, if the pod knows one.
    pub owner: Option<Pod>,
}

/// The status of code `UNAVAILABLE` that carries `not_owner`: the request was not processed and may be sent to the
/// owner.
#[must_use]
pub fn not_owner_status(not_owner: &NotOwner) -> Status {
    let NotOwner {
        generation,
        slice,
        owner,
    } = not_owner;
    let owner = match owner {
        Some(owner) => format!("its owner is pod {}", owner.name),
        None => "no owner is known".to_owned(),
    };
    let sentence = format!("this pod does not own slice {slice}; {owner} at generation {generation}");
    let bytes = pb::NotOwner::from(not_owner).encode_to_vec();
    let mut metadata = MetadataMap::new();
    metadata.insert_bin(NOT_OWNER_KEY, MetadataValue::from_bytes(&bytes));
    Status::with_metadata(Code::Unavailable, sentence, metadata)
}

/// Whether the headers belong to an answer that is only a status. A [`NotOwner`] in it means that the request was not
/// processed; in the headers of any other answer it means that the request was forwarded and the owner answered.
#[must_use]
pub fn is_refusal(headers: &HeaderMap) -> bool {
    headers.contains_key("grpc-status")
}

impl NotOwner {
    /// Marks the owner's answer as forwarded in its headers, unless a pod next to the owner has already marked it.
    pub fn insert_into(&self, headers: &mut HeaderMap) {
        let bytes = pb::NotOwner::from(self).encode_to_vec();
        let mut metadata = MetadataMap::new();
        metadata.insert_bin(NOT_OWNER_KEY, MetadataValue::from_bytes(&bytes));
        for (name, value) in &metadata.into_headers() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }

    /// The `NotOwner` in a status; `None` if there is none or it is malformed.
    #[must_use]
    pub fn from_status(status: &Status) -> Option<Self> {
        Self::from_metadata(status.metadata())
    }

    /// The `NotOwner` in the headers or trailers of an answer; `None` if there is none or it is malformed.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(NOT_OWNER_KEY)?;
        let only = [(HeaderName::from_static(NOT_OWNER_KEY), value.clone())];
        Self::from_metadata(&MetadataMap::from_headers(only.into_iter().collect()))
    }

    fn from_metadata(metadata: &MetadataMap) -> Option<Self> {
        let bytes = metadata.get_bin(NOT_OWNER_KEY)?.to_bytes().ok()?;
        Self::try_from(pb::NotOwner::decode(bytes).ok()?).ok()
    }
}

impl TryFrom<pb::NotOwner> for NotOwner {
    type Error = InvalidMessage;

    fn try_from(wire: pb::NotOwner) -> Result<Self, InvalidMessage> {
        Ok(Self {
            generation: generation(wire.generation, "generation")?,
            slice: required(wire.slice, "slice")?,
            owner: wire.owner.map(|owner| required(Some(owner), "owner")).transpose()?,
        })
    }
}

impl From<&NotOwner> for pb::NotOwner {
    fn from(not_owner: &NotOwner) -> Self {
        Self {
            generation: not_owner.generation.number(),
            slice: Some((&not_owner.slice).into()),
            owner: not_owner.owner.as_ref().map(pb::Pod::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use emberkeep_core::pod::{Incarnation, PodAddress, PodName, Weight};

    use super::*;

    fn not_owner() -> NotOwner {
        NotOwner {
            generation: Generation::from_number(7).unwrap(),
            slice: Slice::FULL,
            owner: Some(Pod {
                name: PodName::try_new("pod-2").unwrap(),
                incarnation: Incarnation(9),
                address: PodAddress::try_new("127.0.0.1:80").unwrap(),
                zone: "a".into(),
                weight: Weight::ONE,
                memory_capacity: None,
            }),
        }
    }

    #[test]
    fn a_status_and_its_headers_carry_the_owner() {
        let status = not_owner_status(&not_owner());
        assert_eq!(status.code(), Code::Unavailable);
        let sentence = "this pod does not own slice [\"\", inf); its owner is pod pod-2 at generation 7";
        assert_eq!(status.message(), sentence);
        assert_eq!(NotOwner::from_status(&status), Some(not_owner()));
        let answer = status.into_http::<()>();
        assert_eq!(NotOwner::from_headers(answer.headers()), Some(not_owner()));
        assert!(is_refusal(answer.headers()));
    }

    #[test]
    fn the_mark_of_the_pod_next_to_the_owner_is_kept() {
        let mut headers = HeaderMap::new();
        not_owner().insert_into(&mut headers);
        let further = NotOwner {
            owner: None,
            ..not_owner()
        };
        further.insert_into(&mut headers);
        assert_eq!(NotOwner::from_headers(&headers), Some(not_owner()));
        assert!(!is_refusal(&headers));
    }

    #[test]
    fn a_malformed_not_owner_counts_as_absent() {
        assert_eq!(NotOwner::from_status(&Status::unavailable("gone")), None);
        let mut metadata = MetadataMap::new();
        metadata.insert_bin(NOT_OWNER_KEY, MetadataValue::from_bytes(b"\xff\xff\xff"));
        let status = Status::with_metadata(Code::Unavailable, "", metadata);
        assert_eq!(NotOwner::from_status(&status), None);
    }
}
