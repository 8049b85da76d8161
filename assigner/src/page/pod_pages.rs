//! Pods by search and in pages, for targets with more pods than a view contains.

use axum::extract::RawQuery;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::json_answer::json_answer;
use super::page_error::PageError;
use super::pod_rows::PodRow;
use super::target_view::ROWS_MAX;
use super::viewer::{PageViewers, parsed};

/// The wanted rows; the target is read by [`PageViewers`].
#[derive(Debug, Deserialize)]
struct PodQuery {
    /// A part of the names.
    #[serde(default)]
    search: String,
    /// How many matching rows to skip.
    #[serde(default)]
    offset: usize,
}

/// `GET /api/pods`: up to 200 of the matching pods, in the order of the page.
pub(super) async fn pods(viewers: PageViewers, query: RawQuery) -> Result<Response, PageError> {
    let PodQuery { search, offset } = parsed(&query)?;
    let view = viewers.admit(&query)?.first_view().await?;
    let matching: Vec<&PodRow> = view.rows.iter().filter(|row| row.name.contains(&search)).collect();
    let rows: Vec<&PodRow> = matching.iter().skip(offset).take(ROWS_MAX).copied().collect();
    let page = json!({ "count": matching.len(), "offset": offset, "rows": rows });
    Ok(json_answer(page.to_string()))
}
