//! The lookup: where a key, a slice or a pod is, since when and why, and what would move it.

use axum::extract::RawQuery;
use axum::response::Response;
use emberkeep_proto::convert::range_of_text;
use emberkeep_proto::pb;
use emberkeep_proto::pb::explain_subject_request::Subject;
use emberkeep_proto::pb::explain_subject_response::Explained;
use serde::Deserialize;
use serde_json::json;

use super::json_answer::json_answer;
use super::key_bands::range_text;
use super::leader_admin::{AnyAdminClient, LeaderAdmin};
use super::page_error::PageError;
use super::viewer::parsed;

/// The longest subject: a range of two keys of maximum length, in hexadecimal.
const SUBJECT_LENGTH_MAX: usize = 2_100;

/// The subject: the name of a pod, a range of slice keys as START..END in hexadecimal, or else an application key.
#[derive(Debug, Deserialize)]
struct LookupQuery {
    target: String,
    subject: String,
}

/// `GET /api/lookup`: the explanation as text, and its facts that the page uses.
pub(super) async fn lookup(admin: &LeaderAdmin, query: RawQuery) -> Result<Response, PageError> {
    let LookupQuery { target, subject } = parsed(&query)?;
    let request = pb::ExplainSubjectRequest {
        target,
        subject: Some(subject_of(&subject)?),
    };
    let explained = admin
        .ask(async move |mut leader: AnyAdminClient| leader.explain_subject(request).await)
        .await?;
    let facts = match &explained.explained {
        Some(Explained::Slice(slice)) => json!({
            "kind": if slice.key.is_some() { "key" } else { "slice" },
            "range": slice.slice.as_ref().map(range_text),
            "owners": slice.replicas.iter().map(|replica| &replica.pod).collect::<Vec<_>>(),
        }),
        Some(Explained::Pod(pod)) => json!({ "kind": "pod", "owners": [pod.pod] }),
        None => json!({ "kind": "nothing", "owners": [] }),
    };
    let answer = json!({ "subject": subject, "text": explained.text, "facts": facts });
    Ok(json_answer(answer.to_string()))
}

fn subject_of(text: &str) -> Result<Subject, PageError> {
    match text.len() {
        0 => return Err(PageError::BadInput("name a key, a pod or a range".to_owned())),
        1..=SUBJECT_LENGTH_MAX => {}
        length => {
            let sentence = format!("the subject has {length} bytes, at most {SUBJECT_LENGTH_MAX} are allowed");
            return Err(PageError::BadInput(sentence));
        }
    }
    Ok(match range_of_text(text) {
        Some(slice) => Subject::Keys(pb::Keys {
            keys: Some(pb::keys::Keys::Slice(slice)),
        }),
        None => Subject::Name(text.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_range_by_its_form_and_else_a_name() {
        assert!(matches!(subject_of("40..80"), Ok(Subject::Keys(_))));
        assert_eq!(subject_of("user..17"), Ok(Subject::Name("user..17".to_owned())));
        assert!(matches!(subject_of(""), Err(PageError::BadInput(_))));
        assert!(matches!(subject_of(&"x".repeat(3_000)), Err(PageError::BadInput(_))));
    }
}
