//! The page of a member: whether each service is served, warm, even and calm, and why its keys are where they are.
//!
//! ```text
//! leader (this member, or another one over gRPC) --answers--> observer --one view a second--> live stream --> viewers
//! replicated state of this member ------------------------------^
//! ```
//!
//! Every member serves it. The view of a target is computed once for all its viewers, and not without any.

mod assets;
mod churn;
mod cluster_view;
mod commands;
mod history;
mod json_answer;
mod key_bands;
mod leader_admin;
mod live;
mod live_views;
mod lookup;
mod observed_target;
mod observer;
mod page_error;
mod pod_pages;
mod pod_rows;
mod questions;
mod replicated_state;
mod same_origin;
mod target_view;
mod timeline;
mod viewer;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use emberkeep_runtime::tasks::Tasks;

use self::assets::ASSETS;
use self::leader_admin::LeaderAdmin;
use self::live_views::LiveViews;
use self::observer::PageObserver;
use self::viewer::PageViewers;
use crate::admin_service::AdminService;

/// The largest body of a command: two keys of maximum length in hexadecimal, and names.
const COMMAND_SIZE_MAX: usize = 16 << 10;
/// The page loads its own files only, and no other page may frame it.
const CONTENT_POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// Starts the observer of the page, and returns the routes of the page.
pub(crate) fn page_routes(service: AdminService, may_command: bool, tasks: &Tasks) -> Router {
    let observer = Arc::new(PageObserver {
        member: service.member.clone(),
        admin: LeaderAdmin::new(service),
        views: LiveViews::default(),
        may_command,
    });
    let observe = Arc::clone(&observer).run();
    let stop = tasks.stop().clone();
    tasks.spawn_supervised("page", async move {
        stop.run_until_cancelled(observe).await;
    });
    let viewers = PageViewers::new(Arc::clone(&observer));
    let stop = tasks.stop().clone();
    let [streaming, viewing, paging] = [(); 3].map(|()| viewers.clone());
    let asking = Arc::clone(&observer);
    let router = Router::new()
        .route(
            "/api/live",
            get(async move |query: RawQuery| live::live(streaming, query, stop).await),
        )
        .route("/api/view", get(async move |query| live::view(viewing, query).await))
        .route(
            "/api/pods",
            get(async move |query| pod_pages::pods(paging, query).await),
        )
        .route(
            "/api/lookup",
            get(async move |query| lookup::lookup(&asking.admin, query).await),
        )
        .route(
            "/api/command",
            post(async move |headers: HeaderMap, body: Bytes| commands::command(&observer, &headers, &body).await),
        );
    let router = ASSETS.into_iter().fold(router, |router, asset| {
        router.route(asset.path, get(async move || asset))
    });
    router
        .layer(DefaultBodyLimit::max(COMMAND_SIZE_MAX))
        .layer(map_response(secured))
}

/// Adds the headers that restrict what a browser does with an answer.
async fn secured(mut response: Response) -> Response {
    let restrictions = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in restrictions {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
