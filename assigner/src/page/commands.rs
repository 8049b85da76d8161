//! The commands of the buttons: drain, freeze, pin. They are off unless enabled, and accepted from the page itself only.

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use emberkeep_proto::convert::range_of_text;
use emberkeep_proto::pb;
use serde::Deserialize;
use tracing::info;

use super::json_answer::json_answer;
use super::leader_admin::AnyAdminClient;
use super::observer::PageObserver;
use super::page_error::PageError;
use super::same_origin::check_same_origin;

/// The flag to name to a person whose command was refused.
const FLAG: &str = "--page-commands";

/// A change of a target that a person has confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
enum PageCommand {
    /// Moves all slices of a pod to others.
    Drain { target: String, pod: String },
    /// Keeps the assignment as it is.
    Freeze { target: String },
    /// Lets slices move again.
    Unfreeze { target: String },
    /// Assigns keys to a pod: an application key, or a range as START..END in hexadecimal.
    Pin { target: String, keys: String, pod: String },
    /// Removes the pins of keys.
    Unpin { target: String, keys: String },
}

/// `POST /api/command`: carries out a command at the leader.
pub(super) async fn command(observer: &PageObserver, headers: &HeaderMap, body: &Bytes) -> Result<Response, PageError> {
    if !observer.may_command {
        return Err(PageError::Forbidden(format!(
            "commands from the page are not enabled: start the assigner with {FLAG}, or use `emberkeep admin`"
        )));
    }
    check_same_origin(headers)?;
    let command: PageCommand = serde_json::from_slice(body)
        .map_err(|error| PageError::BadInput(format!("the body is not a command: {error}")))?;
    info!(?command, "a command from the page");
    command.perform(observer).await?;
    Ok(json_answer("{}".to_owned()))
}

impl PageCommand {
    async fn perform(self, observer: &PageObserver) -> Result<(), PageError> {
        let admin = &observer.admin;
        match self {
            Self::Drain { target, pod } => {
                let request = pb::DrainPodRequest { target, pod };
                admin
                    .ask(async move |mut leader: AnyAdminClient| leader.drain_pod(request).await)
                    .await
                    .map(drop)
            }
            Self::Freeze { target } => freeze(observer, target, true).await,
            Self::Unfreeze { target } => freeze(observer, target, false).await,
            Self::Pin { target, keys, pod } => {
                let keys = Some(keys_of(keys));
                let request = pb::PinKeysRequest { target, keys, pod };
                admin
                    .ask(async move |mut leader: AnyAdminClient| leader.pin_keys(request).await)
                    .await
                    .map(drop)
            }
            Self::Unpin { target, keys } => {
                let keys = Some(keys_of(keys));
                let request = pb::UnpinKeysRequest { target, keys };
                admin
                    .ask(async move |mut leader: AnyAdminClient| leader.unpin_keys(request).await)
                    .await
                    .map(drop)
            }
        }
    }
}

async fn freeze(observer: &PageObserver, target: String, is_frozen: bool) -> Result<(), PageError> {
    let request = pb::FreezeTargetRequest { target, is_frozen };
    let answer = observer
        .admin
        .ask(async move |mut leader: AnyAdminClient| leader.freeze_target(request).await);
    answer.await.map(drop)
}

fn keys_of(text: String) -> pb::Keys {
    let keys = match range_of_text(&text) {
        Some(slice) => pb::keys::Keys::Slice(slice),
        None => pb::keys::Keys::Key(text.into_bytes()),
    };
    pb::Keys { keys: Some(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_name_what_they_change_and_nothing_else() {
        let parsed = |text: &str| serde_json::from_str::<PageCommand>(text);
        let drain = parsed(r#"{"command":"drain","target":"demo","pod":"pod-1"}"#).unwrap();
        let expected = PageCommand::Drain {
            target: "demo".to_owned(),
            pod: "pod-1".to_owned(),
        };
        assert_eq!(drain, expected);
        for bad in [
            "",
            "{}",
            r#"{"command":"drain","target":"demo"}"#,
            r#"{"command":"freeze","target":"demo","pod":"pod-1"}"#,
            r#"{"command":"delete","target":"demo"}"#,
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_a_range_by_their_form() {
        let range = keys_of("40..80".to_owned()).keys;
        assert!(matches!(range, Some(pb::keys::Keys::Slice(_))));
        let key = keys_of("user-17".to_owned()).keys;
        assert_eq!(key, Some(pb::keys::Keys::Key(b"user-17".to_vec())));
    }
}
