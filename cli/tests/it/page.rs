//! The page of an assigner in a browser, with a cluster of real processes behind it.

use std::net::SocketAddr;
use std::path::Path;

use emberkeep_testkit::chromium::{Chromium, Tab, Viewport};
use emberkeep_testkit::deadline::wait_for;
use tempfile::TempDir;

use crate::dev_command::DevCommand;

/// A cluster that sends few requests, and the URL of its page.
fn cluster(place: &Path, options: &str) -> (DevCommand, String) {
    let mut dev = DevCommand::start(place, &format!("--rate 50 {options}"));
    let page = dev.wait_for("the URL of the page", |output| {
        let first = output.first_line()?;
        Some(
            first
                .strip_prefix("page ")
                .expect("it is the first line")
                .trim()
                .to_owned(),
        )
    });
    dev.wait_for("load", |output| output.generation());
    (dev, page)
}

fn place() -> TempDir {
    tempfile::tempdir().expect("there is room for a folder")
}

/// Nothing was refused, failed or loaded from elsewhere.
fn assert_is_clean(tab: &Tab, page: &str) {
    assert_eq!(tab.errors(), Vec::<String>::new());
    let elsewhere = tab.requests().into_iter().filter(|url| !url.starts_with(page));
    assert_eq!(elsewhere.collect::<Vec<_>>(), Vec::<String>::new());
}

/// Presses `Tab` until the element has the focus.
fn tab_to(tab: &Tab, selector: &str) {
    let has_focus = format!("document.activeElement.matches('{selector}')");
    for _ in 0..200 {
        if tab.value(&has_focus) == true {
            return;
        }
        tab.press("Tab");
    }
    panic!("{selector} cannot be reached by the keyboard");
}

#[test]
fn a_person_sees_the_state_looks_up_a_key_and_drains_a_pod() {
    let Some(chromium) = Chromium::start() else { return };
    let place = place();
    let (mut dev, page) = cluster(place.path(), "--pods 3");
    dev.shorten_moves();
    let tab = chromium.open(&page, Viewport::WIDE);

    tab.wait_for_text("#questions", "3 pods answer, every key has an owner");
    tab.wait_for_text("#cluster", "member 1 of 1 answers; it leads");
    for pod in ["pod-1", "pod-2", "pod-3"] {
        tab.wait_for_text("#pods", pod);
    }
    tab.wait_for_text("#pods", "ready");
    tab.wait_until("document.querySelectorAll('#keyspace svg > rect').length > 32");
    tab.wait_for_text("#timeline", "pod-1 joined at ");
    tab.wait_for_text("#timeline", "slices moved");
    tab.wait_for_text("#history", "Balance");

    tab.press("/");
    tab.write("user-17");
    tab.press("Enter");
    tab.wait_for_text("#explanation", "Key user-17");
    tab.wait_for_text("#explanation-text", " serves it");
    tab.wait_for_text("#explanation-text", "owners unchanged since generation");
    tab.wait_for_text("#explanation-text", "it had no owner, or too few");
    tab.press("Escape");
    tab.wait_until("document.querySelector('#explanation').hidden");

    tab_to(&tab, ".drain[aria-label=\"Drain pod-2\"]");
    tab.press("Enter");
    tab.wait_for_text("#confirm", "Drain pod-2?");
    tab.press("Enter");
    tab.wait_until("!document.querySelector('#confirm').open");
    assert!(
        !tab.text("#timeline").contains("drains"),
        "the focus is on the button that cancels"
    );
    tab.value("document.querySelector('.drain[aria-label=\"Drain pod-2\"]').click()");
    tab_to(&tab, "#confirm-yes");
    tab.press("Enter");
    tab.wait_for_text("#timeline", "pod-2 drains");
    tab.wait_for_text("#timeline", "pod-2 ended after its drain");
    tab.wait_until("!document.querySelector('#pods').innerText.includes('pod-2')");
    tab.wait_for_text("#questions", "2 pods answer");
    assert_is_clean(&tab, &page);
    dev.end();
}

#[test]
fn a_narrow_page_needs_no_horizontal_scrolling_and_says_when_it_is_cut_off() {
    let Some(chromium) = Chromium::start() else { return };
    let place = place();
    let (dev, page) = cluster(place.path(), "--pods 3");
    let tab = chromium.open(&page, Viewport::NARROW);
    tab.wait_for_text("#questions", "3 pods answer");
    tab.value("location.hash = 'demo'");
    tab.wait_for_text("#pods", "pod-3");
    tab.value("document.querySelector('#pods th button').click()");
    tab.wait_for_text("#explanation", "Pod pod-1");
    let is_wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(tab.value(is_wider), false, "{}", tab.text("body"));
    assert_is_clean(&tab, &page);
    dev.end();
    tab.wait_for_text("#connection", "Connection lost, showing the state of ");
}

#[test]
fn a_pod_that_is_killed_shows_as_a_failure_and_is_replaced() {
    let Some(chromium) = Chromium::start() else { return };
    let place = place();
    let (dev, page) = cluster(place.path(), "--pods 3 --kill-every 3s --warm-up 1s");
    let tab = chromium.open(&page, Viewport::WIDE);
    tab.wait_for_text("#timeline", " was declared dead");
    tab.wait_for_text("#timeline", "failure");
    tab.wait_for_text("#timeline", "pod-4 joined at ");
    assert_is_clean(&tab, &page);
    dev.end();
}

#[test]
fn each_member_serves_the_page_and_says_who_leads() {
    let Some(chromium) = Chromium::start() else { return };
    let place = place();
    let (mut dev, _) = cluster(place.path(), "--pods 2 --assigners 3");
    let pages = [1, 2, 3].map(|member| page_of(&mut dev, member));
    for page in pages {
        let tab = chromium.open(&format!("http://{page}/"), Viewport::WIDE);
        tab.wait_for_text("#questions", "2 pods answer");
        tab.wait_for_text("#cluster", "of 3 answers; ");
        tab.wait_for_text("#cluster", "leads, term ");
    }
    dev.end();
}

/// The address of the page of a member.
fn page_of(dev: &mut DevCommand, member: u32) -> SocketAddr {
    let name = format!("assigner-{member}");
    let metrics = dev.wait_for(&name, |output| output.metrics_address_of(&name));
    wait_for("the page", || std::net::TcpStream::connect(metrics).ok());
    metrics
}
