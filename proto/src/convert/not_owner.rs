//! What a pod answers when it is asked for a key that it does not own.

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

/// The metadata key under which a status carries a [`NotOwner`].
pub const NOT_OWNER_KEY: &str = "emberkeep-not-owner-bin";

/// A pod does not own the key that it was asked for, and tells what it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOwner {
    /// The generation that the pod goes by; none if it has no assignment yet.
    pub generation: Generation,
    /// The slice that holds the key.
    pub slice: Slice,
    /// Who owns it, as far as the pod knows.
    pub owner: Option<Pod>,
}

/// The status of code `UNAVAILABLE` that carries `not_owner`: nothing was done, and the call may go to the owner.
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

/// Whether an answer with these headers is nothing but a status, in its headers: that it carries a [`NotOwner`] then
/// means that nothing was done. In the headers of any other answer it means that the owner has given it.
#[must_use]
pub fn is_refusal(headers: &HeaderMap) -> bool {
    headers.contains_key("grpc-status")
}

impl NotOwner {
    /// Notes in the headers of the owner's answer that it is the owner's, unless a pod closer to it has done so.
    pub fn note_in(&self, headers: &mut HeaderMap) {
        let bytes = pb::NotOwner::from(self).encode_to_vec();
        let mut metadata = MetadataMap::new();
        metadata.insert_bin(NOT_OWNER_KEY, MetadataValue::from_bytes(&bytes));
        for (name, value) in &metadata.into_headers() {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }

    /// What a status carries, if it carries one that can be read.
    #[must_use]
    pub fn from_status(status: &Status) -> Option<Self> {
        Self::from_metadata(status.metadata())
    }

    /// What the headers or trailers of an answer carry, if they carry one that can be read.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(NOT_OWNER_KEY)?;
        let alone = [(HeaderName::from_static(NOT_OWNER_KEY), value.clone())];
        Self::from_metadata(&MetadataMap::from_headers(alone.into_iter().collect()))
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
    fn the_pod_next_to_the_owner_is_the_one_that_is_noted() {
        let mut headers = HeaderMap::new();
        not_owner().note_in(&mut headers);
        let further = NotOwner {
            owner: None,
            ..not_owner()
        };
        further.note_in(&mut headers);
        assert_eq!(NotOwner::from_headers(&headers), Some(not_owner()));
        assert!(!is_refusal(&headers));
    }

    #[test]
    fn what_cannot_be_read_counts_as_not_there() {
        assert_eq!(NotOwner::from_status(&Status::unavailable("gone")), None);
        let mut metadata = MetadataMap::new();
        metadata.insert_bin(NOT_OWNER_KEY, MetadataValue::from_bytes(b"\xff\xff\xff"));
        let status = Status::with_metadata(Code::Unavailable, "", metadata);
        assert_eq!(NotOwner::from_status(&status), None);
    }
}
