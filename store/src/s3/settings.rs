//! The settings of an S3 store, and their URL form.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use hyper::Uri;
use percent_encoding::percent_decode_str;

use crate::{ObjectName, StoreError};

/// The longest prefix, in bytes: S3 allows 1,024 for prefix, slash and name together.
const PREFIX_BYTES_MAX: usize = 127;

/// A bucket of an S3-compatible server, or the part of it below a prefix.
///
/// As a URL: `s3://bucket/prefix?endpoint=http://127.0.0.1:9000&path_style=true&region=eu-central-1`, and
/// `ca_file=/path.pem` for an `https://` endpoint with a certificate of a private authority. A URL holds no secrets: without
/// [`credentials`](Self::credentials), the AWS default chain applies (environment, profile, web identity, container, instance).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Settings {
    /// The name of an existing bucket.
    pub bucket: String,
    /// Prepended to all names, with a slash; empty for the whole bucket.
    pub prefix: String,
    /// The URL of the server; AWS if not given.
    pub endpoint: Option<String>,
    /// The AWS region; if not given, that of the environment, of the profile, or `us-east-1`.
    pub region: Option<String>,
    /// Sends the bucket in the path instead of the host name, as most servers other than AWS require.
    pub path_style: bool,
    /// A PEM file of certificate authorities to trust in addition to the system's; for `https://` endpoints.
    pub ca_file: Option<PathBuf>,
    /// Replaces the AWS default chain of credential providers.
    pub credentials: Option<Credentials>,
}

/// A key pair to sign requests with.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id, which is not secret.
    pub access_key: String,
    /// The secret access key; never printed by `Debug`.
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.access_key)
    }
}

impl S3Settings {
    /// The settings for a whole bucket of AWS; set further fields as needed.
    pub fn bucket(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: String::new(),
            endpoint: None,
            region: None,
            path_style: false,
            ca_file: None,
            credentials: None,
        }
    }

    fn set(&mut self, option: &str, value: String) -> Result<(), String> {
        match option {
            "endpoint" => self.endpoint = Some(value),
            "region" => self.region = Some(value),
            "path_style" => {
                self.path_style = value
                    .parse()
                    .map_err(|_| format!("has path_style={value}, allowed are true and false"))?;
            }
            "ca_file" => self.ca_file = Some(value.into()),
            _ => {
                return Err(format!(
                    "has the option {option:?}, allowed are endpoint, region, path_style and ca_file"
                ));
            }
        }
        Ok(())
    }

    fn parse(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("s3://").ok_or("does not begin with s3://")?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let mut settings = Self::bucket(bucket);
        settings.prefix = prefix.trim_end_matches('/').to_owned();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (option, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("has {pair:?}, write option=value"))?;
            let value = percent_decode_str(value)
                .decode_utf8()
                .map_err(|_| format!("has invalid UTF-8 in {pair:?}"))?;
            settings.set(option, value.into_owned())?;
        }
        settings.fault().map_or(Ok(settings), Err)
    }

    /// Fails if bucket, prefix or options are invalid for any server.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.fault() {
            None => Ok(()),
            Some(reason) => Err(StoreError::BadUrl {
                url: self.to_string(),
                reason,
            }),
        }
    }

    fn fault(&self) -> Option<String> {
        let Self {
            bucket,
            prefix,
            endpoint,
            ca_file,
            region,
            ..
        } = self;
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_plain) {
            Some(format!(
                "has the bucket {bucket:?}, allowed are 3 to 63 of a-z 0-9 - and ."
            ))
        } else if prefix.len() > PREFIX_BYTES_MAX {
            Some(format!(
                "has a prefix of {} bytes, at most {PREFIX_BYTES_MAX} are allowed",
                prefix.len()
            ))
        } else if !prefix.is_empty() && ObjectName::new(prefix.as_str()).is_err() {
            Some("has an invalid prefix, allowed are A-Z a-z 0-9 - . _ ~ % and single slashes".to_owned())
        } else if let Some(endpoint) = endpoint.as_deref().filter(|endpoint| !is_server(endpoint)) {
            Some(format!(
                "has the endpoint {endpoint:?}, write http://host:port or https://host"
            ))
        } else if let Some(region) = region.as_deref().filter(|region| !is_region(region)) {
            Some(format!("has the region {region:?}, allowed are a-z 0-9 and -"))
        } else if let (Some(path), Some(endpoint)) = (ca_file, endpoint)
            && endpoint.starts_with("http://")
        {
            Some(format!(
                "has the ca_file {path:?}, which requires https, but the endpoint {endpoint:?}"
            ))
        } else {
            None
        }
    }
}

fn is_server(endpoint: &str) -> bool {
    let server = endpoint.parse::<Uri>();
    server.is_ok_and(|server| matches!(server.scheme_str(), Some("http" | "https")) && server.host().is_some())
}

fn is_region(region: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !region.is_empty() && region.chars().all(is_plain)
}

impl FromStr for S3Settings {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        Self::parse(url).map_err(|reason| StoreError::BadUrl {
            url: url.to_owned(),
            reason,
        })
    }
}

impl fmt::Display for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        write!(f, "s3://{}{slash}{}", self.bucket, self.prefix)?;
        self.endpoint
            .iter()
            .try_for_each(|endpoint| write!(f, " at {endpoint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_bucket_prefix_and_server() {
        let settings: S3Settings =
            "s3://state/prod/eu/?endpoint=http://127.0.0.1:9000&path_style=true&region=eu-central-1"
                .parse()
                .unwrap();
        assert_eq!(settings.bucket, "state");
        assert_eq!(settings.prefix, "prod/eu");
        assert_eq!(settings.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(settings.region.as_deref(), Some("eu-central-1"));
        assert!(settings.path_style);
        assert_eq!(settings.to_string(), "s3://state/prod/eu at http://127.0.0.1:9000");
    }

    #[test]
    fn a_url_names_a_file_of_certificate_authorities() {
        let settings: S3Settings = "s3://state?endpoint=https://s3&ca_file=/etc/my%20ca.pem"
            .parse()
            .unwrap();
        assert_eq!(settings.ca_file, Some("/etc/my ca.pem".into()));
    }

    #[test]
    fn a_bucket_alone_is_enough() {
        assert_eq!("s3://state".parse::<S3Settings>().unwrap(), S3Settings::bucket("state"));
    }

    #[test]
    fn an_invalid_url_states_what_is_allowed() {
        for (url, words) in [
            ("s3://", "3 to 63 of a-z"),
            ("s3://State", "3 to 63 of a-z"),
            ("s3://state/a b", "invalid prefix"),
            (
                "s3://state?secret=x",
                "allowed are endpoint, region, path_style and ca_file",
            ),
            ("s3://state?endpoint=localhost", "write http://host:port"),
            ("s3://state?endpoint=http://", "write http://host:port"),
            ("s3://state?endpoint=http://a b", "write http://host:port"),
            ("s3://state?region=", "has the region \"\", allowed are a-z 0-9 and -"),
            ("s3://state?region=eu west", "allowed are a-z 0-9 and -"),
            ("s3://state?path_style=yes", "allowed are true and false"),
            ("s3://state?region", "write option=value"),
            (
                "s3://state?ca_file=/ca.pem&endpoint=http://s3",
                "has the ca_file \"/ca.pem\", which requires https, but the endpoint \"http://s3\"",
            ),
        ] {
            let error = url.parse::<S3Settings>().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let credentials = Credentials {
            access_key: "public".to_owned(),
            secret_key: "hidden".to_owned(),
        };
        assert_eq!(format!("{credentials:?}"), "Credentials(public)");
    }
}
