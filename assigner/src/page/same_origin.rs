//! Whether a request comes from the page itself: other sites, which a browser visits too, must not change the cluster.

use axum::http::{HeaderMap, header};

use super::page_error::PageError;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Checks that the origin of a request is the host that it was sent to, and that its body is JSON, which no form can send.
///
/// # Errors
/// With the header to correct.
pub(super) fn check_same_origin(headers: &HeaderMap) -> Result<(), PageError> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let content_type = text(header::CONTENT_TYPE.as_str()).unwrap_or_default();
    if content_type.split(';').next().map(str::trim) != Some("application/json") {
        return Err(PageError::BadInput(
            "the content type must be application/json".to_owned(),
        ));
    }
    let host = text(header::HOST.as_str()).unwrap_or_default();
    let origin = text(header::ORIGIN.as_str()).ok_or_else(|| forbidden("the header Origin is missing"))?;
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    if host.is_empty() || origin_host != Some(host) {
        return Err(forbidden("the request comes from another site"));
    }
    match text(SEC_FETCH_SITE) {
        None | Some("same-origin") => Ok(()),
        Some(_) => Err(forbidden("the request comes from another site")),
    }
}

fn forbidden(sentence: &str) -> PageError {
    PageError::Forbidden(sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn checked(sent: &[(&'static str, &'static str)]) -> Result<(), PageError> {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        check_same_origin(&headers)
    }

    const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
    const HOST: (&str, &str) = ("host", "assigner:7401");

    #[test]
    fn the_page_itself_may_send_commands() {
        let origin = ("origin", "http://assigner:7401");
        checked(&[JSON, HOST, origin]).unwrap();
        checked(&[JSON, HOST, origin, ("sec-fetch-site", "same-origin")]).unwrap();
    }

    #[test]
    fn other_sites_and_forms_may_not() {
        for origin in [
            "http://evil.example",
            "null",
            "http://assigner:7402",
            "assigner:7401",
            "",
        ] {
            let refused = checked(&[JSON, HOST, ("origin", origin)]).unwrap_err();
            assert!(matches!(refused, PageError::Forbidden(_)), "{origin}: {refused}");
        }
        let origin = ("origin", "http://assigner:7401");
        assert!(checked(&[JSON, HOST]).is_err());
        assert!(checked(&[JSON, origin]).is_err());
        for site in ["cross-site", "same-site", "none"] {
            assert!(
                checked(&[JSON, HOST, origin, ("sec-fetch-site", site)]).is_err(),
                "{site}"
            );
        }
        for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
            let refused = checked(&[("content-type", content_type), HOST, origin]).unwrap_err();
            assert!(matches!(refused, PageError::BadInput(_)), "{content_type}");
        }
    }
}
