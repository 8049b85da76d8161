//! The DevTools protocol over a pipe: each message is JSON, ended by a zero byte.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::{Value, json};

use crate::deadline::DEADLINE;

/// A connection to a browser. Answers are matched by their numbers; all events are kept.
#[derive(Debug)]
pub(super) struct Devtools {
    input: Mutex<ChildStdin>,
    exchange: Mutex<Exchange>,
}

#[derive(Debug, Default)]
struct Exchange {
    last_id: u64,
    waiting: HashMap<u64, Sender<Value>>,
    events: Vec<Value>,
}

impl Devtools {
    pub(super) fn connect(input: ChildStdin, output: ChildStdout) -> Arc<Self> {
        let connection = Arc::new(Self {
            input: Mutex::new(input),
            exchange: Mutex::default(),
        });
        let reading = Arc::clone(&connection);
        thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                reading.receive(serde_json::from_slice(&message).expect("the browser sends JSON"));
            }
        });
        connection
    }

    /// Calls a method of the browser, or of a tab's session, and returns its result.
    pub(super) fn call(&self, session: Option<&str>, method: &str, parameters: Value) -> Value {
        let (sender, answer) = channel();
        let id = {
            let mut exchange = self.exchange();
            exchange.last_id += 1;
            let id = exchange.last_id;
            exchange.waiting.insert(id, sender);
            id
        };
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let sent = self
            .input
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&bytes);
        sent.unwrap_or_else(|error| panic!("{method}: the browser has ended: {error}"));
        let answer = answer.recv_timeout(DEADLINE);
        let mut answer = answer.unwrap_or_else(|error| panic!("{method}: no answer of the browser: {error}"));
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The parameters of all events of this kind in a session so far.
    pub(super) fn events(&self, session: &str, method: &str) -> Vec<Value> {
        let is_wanted = |event: &&Value| event["sessionId"] == session && event["method"] == method;
        let exchange = self.exchange();
        let wanted = exchange.events.iter().filter(is_wanted);
        wanted.map(|event| event["params"].clone()).collect()
    }

    fn receive(&self, message: Value) {
        let mut exchange = self.exchange();
        match message["id"].as_u64() {
            // The caller may have given up.
            Some(id) => drop(exchange.waiting.remove(&id).map(|sender| sender.send(message))),
            None => exchange.events.push(message),
        }
    }

    fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
