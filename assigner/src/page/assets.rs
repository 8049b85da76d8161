//! The files of the page, which are part of the program: nothing is loaded from elsewhere.

use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

/// One file, and how a browser has to read it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asset {
    /// The path of its URL.
    pub(super) path: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A script of the folder `assets`.
macro_rules! script {
    ($name:literal) => {
        Asset {
            path: concat!("/page/", $name),
            content_type: SCRIPT,
            text: include_str!(concat!("assets/", $name)),
        }
    };
}

/// All files; the first is the page.
pub(super) const ASSETS: [Asset; 17] = [
    Asset {
        path: "/",
        content_type: HTML,
        text: include_str!("assets/index.html"),
    },
    Asset {
        path: "/page/page.css",
        content_type: CSS,
        text: include_str!("assets/page.css"),
    },
    Asset {
        path: "/favicon.ico",
        content_type: SVG,
        text: include_str!("assets/icon.svg"),
    },
    script!("page.js"),
    script!("connection.js"),
    script!("cluster.js"),
    script!("questions.js"),
    script!("pods.js"),
    script!("keyspace.js"),
    script!("history.js"),
    script!("moves.js"),
    script!("timeline.js"),
    script!("lookup.js"),
    script!("commands.js"),
    script!("owners.js"),
    script!("elements.js"),
    script!("quantities.js"),
];

impl IntoResponse for Asset {
    fn into_response(self) -> Response {
        // Revalidated each time: after an upgrade of the member, an old script must not read the new state.
        let headers: [(HeaderName, &str); 2] = [
            (header::CONTENT_TYPE, self.content_type),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        (headers, self.text).into_response()
    }
}
