//! The live stream: a server-sent event for each new view of a target.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::RawQuery;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use tokio_util::sync::CancellationToken;

use super::json_answer::json_answer;
use super::page_error::PageError;
use super::viewer::{PageViewers, Viewer};

/// The interval of comments on a stream without views, by which both sides notice a broken connection.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// `GET /api/live`: views until the viewer leaves or the member stops.
pub(super) async fn live(
    viewers: PageViewers,
    query: RawQuery,
    stop: CancellationToken,
) -> Result<Response, PageError> {
    let viewer = viewers.admit(&query)?;
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE_INTERVAL);
    Ok(Sse::new(events(viewer, stop)).keep_alive(keep_alive).into_response())
}

/// `GET /api/view`: one view.
pub(super) async fn view(viewers: PageViewers, query: RawQuery) -> Result<Response, PageError> {
    let view = viewers.admit(&query)?.first_view().await?;
    Ok(json_answer(view.json.to_string()))
}

fn events(viewer: Viewer, stop: CancellationToken) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::stream::unfold((viewer, stop), async |(mut viewer, stop)| {
        // A slow viewer gets the newest view, and misses those in between.
        let view = stop.run_until_cancelled(viewer.next_view()).await??;
        let event = Event::default().data(&*view.json);
        Some((Ok(event), (viewer, stop)))
    })
}
