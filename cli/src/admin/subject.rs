//! The subject of `admin explain`, and its explanation as text and as JSON.

use clap::Args;
use emberkeep_proto::pb;
use emberkeep_proto::pb::explain_subject_request::Subject;
use emberkeep_proto::pb::explain_subject_response::Explained;
use serde_json::{Value, json};

use super::keys;
use super::report::AdminReport;

/// A key, a range of slice keys, or a pod.
#[derive(Debug, Args)]
pub(super) struct SubjectArgs {
    /// The name of a pod; slice keys as START..END in hexadecimal; or else an application key
    subject: String,
    /// SUBJECT is an application key, even if a pod has this name
    #[arg(long, conflicts_with = "pod")]
    key: bool,
    /// SUBJECT is a pod
    #[arg(long)]
    pod: bool,
}

impl SubjectArgs {
    pub(super) fn to_wire(&self) -> Subject {
        let name = self.subject.clone();
        let keys = |keys| Subject::Keys(pb::Keys { keys: Some(keys) });
        match (self.key, self.pod, keys::range_from(&name)) {
            (_, true, _) => Subject::Pod(name),
            (true, ..) => keys(pb::keys::Keys::Key(name.into_bytes())),
            (false, false, Ok(slice)) => keys(pb::keys::Keys::Slice(slice)),
            (false, false, Err(_)) => Subject::Name(name),
        }
    }

    /// The explanation; that of an application key begins with the key, because its slice key may be a hash.
    pub(super) fn report(&self, response: &pb::ExplainSubjectResponse) -> AdminReport {
        let is_key = matches!(&response.explained, Some(Explained::Slice(slice)) if slice.key.is_some());
        let text = &response.text;
        AdminReport::Text {
            text: match is_key {
                true => format!("application key {}\n{text}", self.subject),
                false => text.clone(),
            },
            json: match &response.explained {
                Some(Explained::Slice(slice)) => slice_json(slice, is_key.then_some(&self.subject)),
                Some(Explained::Pod(pod)) => pod_json(pod),
                None => Value::Null,
            },
        }
    }
}

fn slice_json(slice: &pb::SliceExplanation, key: Option<&String>) -> Value {
    json!({
        "key": key,
        "slice_key": slice.key.as_deref().map(keys::hexadecimal),
        "slice": slice.slice.as_ref().map(keys::printed),
        "generation": slice.generation,
        "epoch": slice.epoch,
        "epoch_age_ms": slice.epoch_age_ms,
        "replicas": slice.replicas.iter().map(replica_json).collect::<Vec<_>>(),
        "last_move": slice.last_move.as_ref().map(move_json),
        "load_milli": slice.load_milli,
        "steady_load_milli": slice.steady_load_milli,
        "memory_bytes": slice.memory_bytes,
        "pod_share_thousandths": slice.pod_share_thousandths,
        "hottest": slice.hottest.iter().map(hot_key_json).collect::<Vec<_>>(),
        "prospects": slice.prospects,
    })
}

fn pod_json(pod: &pb::PodExplanation) -> Value {
    let slice_load = |slice: &pb::HotSlice| {
        json!({
            "slice": slice.slice.as_ref().map(keys::printed),
            "load_milli": slice.load_milli,
        })
    };
    json!({
        "pod": pod.pod,
        "condition": pod.condition,
        "serving": pod.serving_count,
        "warming": pod.warming_count,
        "yielding": pod.yielding_count,
        "leaving": pod.leaving_count,
        "load_milli": pod.load_milli,
        "steady_load_milli": pod.steady_load_milli,
        "capacity_milli": pod.capacity_milli,
        "memory_bytes": pod.memory_bytes,
        "memory_capacity_bytes": pod.memory_capacity_bytes,
        "planned_load_milli": pod.planned_load_milli,
        "band_lower_milli": pod.band_lower_milli,
        "band_upper_milli": pod.band_upper_milli,
        "hottest_slices": pod.hottest_slices.iter().map(slice_load).collect::<Vec<_>>(),
        "hottest_keys": pod.hottest_keys.iter().map(hot_key_json).collect::<Vec<_>>(),
        "last_moves": pod.last_moves.iter().map(move_json).collect::<Vec<_>>(),
        "prospects": pod.prospects,
    })
}

fn replica_json(replica: &pb::ExplainedReplica) -> Value {
    let phase = replica
        .phase()
        .as_str_name()
        .trim_start_matches("PHASE_")
        .to_lowercase();
    let warming = replica.warming.as_ref().map(|warming| {
        json!({
            "queued": warming.is_queued,
            "warm_share_thousandths": warming.heat_share_thousandths,
            "source": warming.source,
        })
    });
    json!({ "pod": replica.pod, "phase": phase, "warming": warming })
}

fn hot_key_json(key: &pb::HotKey) -> Value {
    json!({ "slice_key": keys::hexadecimal(&key.slice_key), "load_milli": key.load_milli })
}

fn move_json(moved: &pb::PastMove) -> Value {
    json!({
        "generation": moved.generation,
        "age_ms": moved.age_ms,
        "slice": moved.slice.as_ref().map(keys::printed),
        "from": moved.from,
        "to": moved.to,
        "load_milli": moved.load_milli,
        "cause": moved.cause,
        "decision": moved.decision,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str, key: bool, pod: bool) -> Subject {
        let subject = text.to_owned();
        SubjectArgs { subject, key, pod }.to_wire()
    }

    #[test]
    fn a_subject_is_a_range_by_its_form_and_otherwise_named_by_the_flags() {
        assert!(matches!(subject("40..80", false, false), Subject::Keys(_)));
        assert_eq!(subject("pod-1", false, false), Subject::Name("pod-1".to_owned()));
        assert_eq!(subject("pod-1", false, true), Subject::Pod("pod-1".to_owned()));
        let key = |text: &str| {
            let key = pb::keys::Keys::Key(text.as_bytes().to_vec());
            Subject::Keys(pb::Keys { keys: Some(key) })
        };
        assert_eq!(subject("40..80", true, false), key("40..80"));
    }

    #[test]
    fn the_explanation_of_a_key_begins_with_the_application_key() {
        let args = SubjectArgs {
            subject: "user-17".to_owned(),
            key: false,
            pod: false,
        };
        let slice = pb::SliceExplanation {
            key: Some(vec![0x5f]),
            ..pb::SliceExplanation::default()
        };
        let response = pb::ExplainSubjectResponse {
            text: "key 5f is in\n".to_owned(),
            explained: Some(Explained::Slice(slice)),
        };
        let report = args.report(&response);
        assert_eq!(report.shown(false), "application key user-17\nkey 5f is in\n");
        let json: Value = serde_json::from_str(&report.shown(true)).unwrap();
        assert_eq!((&json["key"], &json["slice_key"]), (&"user-17".into(), &"5f".into()));
    }
}
