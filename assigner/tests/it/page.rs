//! The page over HTTP: its files, its views, the live stream, the lookup and the commands.

use std::net::SocketAddr;

use emberkeep_testkit::deadline::eventually;
use serde_json::Value;

use crate::page_client::{LiveStream, command, get, post};
use crate::page_cluster::PageCluster;
use crate::running_member::RunningMember;
use crate::scripted_slicelet::{ScriptedSlicelet, serving_count};

/// Two pods that own all slices.
async fn two_pods(member: &RunningMember) -> [ScriptedSlicelet; 2] {
    let mut one = ScriptedSlicelet::register(member, "pod-1", 1).await;
    let two = ScriptedSlicelet::register(member, "pod-2", 1).await;
    let pod = two.pod.clone();
    one.assigned(|assignment| serving_count(assignment, &pod) == 32).await;
    [one, two]
}

fn pods(view: &Value) -> Vec<&str> {
    let rows = view["target"]["pods"]["rows"].as_array();
    let rows = rows.into_iter().flatten();
    rows.filter_map(|row| row["name"].as_str()).collect()
}

/// A view of a page whose facts have become these.
async fn view_with(page: SocketAddr, name: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let poll = async || Some(get(page, "/api/view").await.json()).filter(&is_wanted);
    eventually(name, poll).await
}

#[tokio::test]
async fn the_page_consists_of_its_own_files_under_a_strict_policy() {
    let member = RunningMember::start().await;
    let index = get(member.page(), "/").await;
    assert_eq!(index.status, 200);
    assert!(
        index.headers.contains("content-security-policy: default-src 'self';"),
        "{index:?}"
    );
    assert!(index.headers.contains("frame-ancestors 'none'"), "{index:?}");
    assert!(index.headers.contains("x-content-type-options: nosniff"), "{index:?}");
    assert!(
        !index.body.contains("style=") && !index.body.contains("<style"),
        "the policy forbids inline styles"
    );
    let mut unread = vec!["/page/page.css".to_owned(), "/page/page.js".to_owned()];
    let mut read = Vec::new();
    while let Some(path) = unread.pop() {
        if read.contains(&path) {
            continue;
        }
        let file = get(member.page(), &path).await;
        assert_eq!(file.status, 200, "{path}");
        assert!(
            !file.body.contains("innerHTML") && !file.body.contains("https://"),
            "{path}"
        );
        let imports = file.body.split(" from './").skip(1);
        unread.extend(imports.filter_map(|rest| Some(format!("/page/{}", rest.split_once('\'')?.0))));
        read.push(path);
    }
    assert!(read.len() > 10, "{read:?}");
    assert!(
        get(member.page(), "/metrics")
            .await
            .body
            .contains("emberkeep_assigner_")
    );
    assert!(get(member.page(), "/decisions").await.status == 200);
}

#[tokio::test]
async fn a_view_answers_the_questions_and_shows_pods_keys_and_events() {
    let member = RunningMember::start().await;
    let empty = get(member.page(), "/api/view").await.json();
    assert!(empty["target"].is_null(), "{empty}");
    let _pods = two_pods(&member).await;
    let view = get(member.page(), "/api/view?target=profiles").await.json();
    assert_eq!(
        (&view["cluster"]["member"], &view["cluster"]["leader"]),
        (&1.into(), &1.into())
    );
    assert_eq!(pods(&view), ["pod-1", "pod-2"]);
    let target = &view["target"];
    let questions = target["questions"].as_array().unwrap();
    let questions: Vec<_> = questions
        .iter()
        .filter_map(|asked| asked["question"].as_str())
        .collect();
    let expected = [
        "Is anyone failed?",
        "Is it warm?",
        "Is it even?",
        "Is it calm?",
        "Why not?",
    ];
    assert_eq!(questions, expected);
    assert_eq!(target["questions"][0]["answer"], "no", "{target}");
    assert_eq!(target["key_space"]["bands"].as_array().unwrap().len(), 64);
    assert_eq!(target["key_space"]["bands"][0]["owner"], "pod-1");
    let events = target["timeline"].as_array().unwrap();
    assert!(
        events
            .iter()
            .any(|event| event["text"].as_str().unwrap().starts_with("pod-1 joined at")),
        "{target}"
    );

    let key = get(member.page(), "/api/lookup?target=profiles&subject=user%2F17")
        .await
        .json();
    assert_eq!(key["facts"]["kind"], "key");
    assert!(
        key["text"].as_str().unwrap().contains("what keeps or moves it"),
        "{key}"
    );
    let found = get(member.page(), "/api/pods?target=profiles&search=d-2").await.json();
    assert_eq!(
        (&found["count"], &found["rows"][0]["name"]),
        (&1.into(), &"pod-2".into())
    );
}

#[tokio::test]
async fn bad_requests_get_a_sentence() {
    let member = RunningMember::start().await;
    let _pods = two_pods(&member).await;
    for (path, status, sentence) in [
        ("/api/view?target=Not+a+name", 400, "target"),
        ("/api/live?target=orders", 404, "there is no target orders"),
        ("/api/pods?offset=x", 400, "the query string is invalid"),
        ("/api/lookup?target=profiles", 400, "missing field `subject`"),
        (
            "/api/lookup?target=profiles&subject=",
            400,
            "name a key, a pod or a range",
        ),
        ("/api/lookup?target=profiles&subject=..", 400, "covers 64 slices"),
        ("/api/lookup?target=orders&subject=a", 404, "there is no target orders"),
    ] {
        let refused = get(member.page(), path).await;
        assert_eq!(refused.status, status, "{path}: {refused:?}");
        assert!(refused.error().contains(sentence), "{path}: {refused:?}");
    }
    assert_eq!(get(member.page(), "/api/command").await.status, 405);
}

#[tokio::test]
async fn a_viewer_sees_a_drain_by_button_live() {
    let member = RunningMember::start_with(true).await;
    let [one, mut two] = two_pods(&member).await;
    let (status, mut live) = LiveStream::open(member.page(), "?target=profiles").await;
    assert!(status.contains(" 200 "), "{status}");
    let first = live.view("the first view", |_| true).await;
    assert_eq!(
        (first["cluster"]["may_command"].clone(), pods(&first).len()),
        (true.into(), 2)
    );
    let drain = r#"{"command":"drain","target":"profiles","pod":"pod-1"}"#;
    assert_eq!(command(member.page(), drain).await.status, 200);
    let is_draining = |view: &Value| view["target"]["pods"]["rows"][0]["condition"] == "draining";
    live.view("the drain", is_draining).await;
    let successor = two.pod.clone();
    two.assigned(|assignment| serving_count(assignment, &successor) == 64)
        .await;
    let is_moved = |view: &Value| view["target"]["pods"]["rows"][1]["serving_count"] == 64;
    live.view("all slices at the other pod", is_moved).await;
    drop(one);

    let freeze = r#"{"command":"freeze","target":"profiles"}"#;
    assert_eq!(command(member.page(), freeze).await.status, 200);
    live.view("the freeze", |view| view["target"]["is_frozen"] == true)
        .await;
    let pin = r#"{"command":"pin","target":"profiles","keys":"40..80","pod":"pod-2"}"#;
    assert_eq!(command(member.page(), pin).await.status, 200);
    let unknown = r#"{"command":"drain","target":"profiles","pod":"pod-9"}"#;
    let refused = command(member.page(), unknown).await;
    assert_eq!(
        (refused.status, refused.error().as_str()),
        (404, "target profiles has no pod pod-9")
    );
}

#[tokio::test]
async fn commands_are_off_unless_enabled_and_never_accepted_from_other_sites() {
    let freeze = r#"{"command":"freeze","target":"profiles"}"#;
    let off = RunningMember::start().await;
    let refused = command(off.page(), freeze).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.error().contains("start the assigner with --page-commands"),
        "{refused:?}"
    );

    let member = RunningMember::start_with(true).await;
    let _pods = two_pods(&member).await;
    let page = member.page();
    let json = ("Content-Type", "application/json");
    for headers in [
        vec![json, ("Origin", "http://evil.example")],
        vec![json, ("Origin", "null")],
        vec![json],
    ] {
        let refused = post(page, freeze, &headers).await;
        assert_eq!(refused.status, 403, "{headers:?}: {refused:?}");
    }
    let own = format!("http://{page}");
    let other_tab = [json, ("Origin", &*own), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(post(page, freeze, &other_tab).await.status, 403);
    let form = [("Content-Type", "text/plain"), ("Origin", &*own)];
    assert_eq!(post(page, freeze, &form).await.status, 400);
    assert_eq!(command(page, "{\"command\":\"drop\"}").await.status, 400);
    assert_eq!(command(page, &"x".repeat(20_000)).await.status, 413);
    assert_eq!(get(page, "/api/view").await.json()["target"]["is_frozen"], false);
}

#[tokio::test]
async fn viewers_are_bounded() {
    let member = RunningMember::start().await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let (status, stream) = LiveStream::open(member.page(), "").await;
        assert!(status.contains(" 200 "), "{status}");
        open.push(stream);
    }
    let refused = get(member.page(), "/api/view").await;
    assert_eq!(refused.status, 503);
    assert!(
        refused.error().starts_with("64 viewers watch this member already"),
        "{refused:?}"
    );
    drop(open);
    let admitted = async || (get(member.page(), "/api/view").await.status == 200).then_some(());
    eventually("room for a viewer", admitted).await;
}

#[tokio::test]
async fn followers_ask_the_leader_and_show_what_is_replicated_without_one() {
    let cluster = PageCluster::start().await;
    let leader = cluster.leader().await;
    let _pods = two_pods(leader).await;
    let has_pods = |view: &Value| view["target"]["questions"][0]["answer"] == "no" && pods(view).len() == 2;
    let following = cluster.following_pages();
    assert_eq!(following.len(), 2);
    for page in &following {
        let view = view_with(*page, "a view by the leader's answers", has_pods).await;
        assert_ne!(view["cluster"]["member"], view["cluster"]["leader"]);
        assert!(view["target"]["problem"].is_null(), "{view}");
    }
    let drain = r#"{"command":"drain","target":"profiles","pod":"pod-2"}"#;
    assert_eq!(command(following[0], drain).await.status, 200);
    let key = get(following[0], "/api/lookup?target=profiles&subject=user-17").await;
    assert_eq!(key.status, 200, "{key:?}");

    for member in cluster.members.iter().filter(|member| member.page() != following[0]) {
        member.assigner.shutdown().await;
    }
    let is_alone = |view: &Value| view["cluster"]["leader"].is_null() && !view["target"]["problem"].is_null();
    let view = view_with(following[0], "a view without a leader", is_alone).await;
    assert_eq!(pods(&view), ["pod-1", "pod-2"]);
    assert_eq!(view["target"]["pods"]["rows"][0]["condition"], "unknown");
    assert_eq!(view["target"]["pods"]["rows"][1]["is_draining"], true);
    assert_eq!(view["target"]["key_space"]["bands"].as_array().unwrap().len(), 64);
    let refused = command(following[0], drain).await;
    assert_eq!(refused.status, 503, "{refused:?}");
}
