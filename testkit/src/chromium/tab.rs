//! One tab of a browser with the page that it shows.

use std::sync::Arc;

use serde_json::{Value, json};

use super::devtools::Devtools;
use super::viewport::Viewport;
use crate::deadline::wait_for;

/// A tab; its page stays open until the browser ends.
#[derive(Debug)]
pub struct Tab {
    devtools: Arc<Devtools>,
    session: String,
}

impl Tab {
    pub(super) fn open(devtools: Arc<Devtools>, session: &str, url: &str, viewport: Viewport) -> Self {
        let tab = Self {
            devtools,
            session: session.to_owned(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        let Viewport { width, height, is_dark } = viewport;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        tab.call("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        tab.call("Emulation.setEmulatedMedia", json!({ "features": features }));
        tab.call("Page.navigate", json!({ "url": url }));
        tab
    }

    /// The value of a JavaScript expression; awaited if it is a promise.
    ///
    /// # Panics
    /// If it throws.
    pub fn value(&self, expression: &str) -> Value {
        let evaluated = self.evaluated(expression);
        assert!(evaluated.get("exceptionDetails").is_none(), "{expression}: {evaluated}");
        evaluated["result"]["value"].clone()
    }

    /// Waits until the JavaScript expression is true; while the page loads, it may throw.
    ///
    /// # Panics
    /// After the deadline, with the text of the page.
    pub fn wait_until(&self, expression: &str) {
        let is_true = || (self.evaluated(expression)["result"]["value"] == true).then_some(());
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_for(expression, is_true)));
        if waited.is_err() {
            panic!("not true: {expression}; the page shows\n{}", self.text("body"));
        }
    }

    /// The visible text of the first element that matches the selector; empty without one.
    pub fn text(&self, selector: &str) -> String {
        let selector = json!(selector);
        let text = self.value(&format!("document.querySelector({selector})?.innerText ?? ''"));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text of an element contains this.
    pub fn wait_for_text(&self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        self.wait_until(&format!(
            "document.querySelector({selector})?.innerText.includes({text}) === true"
        ));
    }

    /// Presses and releases a key, such as `Enter`, `Escape`, `Tab` or one character.
    pub fn press(&self, key: &str) {
        let text = match key {
            "Enter" => Some("\r"),
            key if key.chars().count() == 1 => Some(key),
            _ => None,
        };
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "Tab" => 9,
            "ArrowRight" => 39,
            _ => 0,
        };
        let kinds = [if text.is_some() { "keyDown" } else { "rawKeyDown" }, "keyUp"];
        for kind in kinds {
            let mut event = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code });
            if let Some(text) = text.filter(|_| kind == "keyDown") {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types a text into the focused element.
    pub fn write(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Errors of scripts, messages of the console and refused resources so far.
    pub fn errors(&self) -> Vec<String> {
        let exceptions = self.devtools.events(&self.session, "Runtime.exceptionThrown");
        let console = self.devtools.events(&self.session, "Runtime.consoleAPICalled");
        let log = self.devtools.events(&self.session, "Log.entryAdded");
        let all = exceptions.into_iter().chain(console).chain(log);
        all.map(|event| event.to_string()).collect()
    }

    /// The URLs of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        let sent = self.devtools.events(&self.session, "Network.requestWillBeSent");
        let urls = sent.iter().filter_map(|event| event["request"]["url"].as_str());
        urls.map(str::to_owned).collect()
    }

    fn evaluated(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        self.call("Runtime.evaluate", parameters)
    }

    fn call(&self, method: &str, parameters: Value) -> Value {
        self.devtools.call(Some(&self.session), method, parameters)
    }
}
