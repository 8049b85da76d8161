//! Where a test cluster's objects are: on our own S3 server, or in a bucket that the environment names.

use std::path::Path;

use emberkeep_store::{Credentials, S3Settings, Store};

use super::process::{Process, free_address};

/// The URL of a bucket on another server, with credentials in the environment as S3's tools expect them.
const OTHER: &str = "EMBERKEEP_TEST_STORE";

/// An open store, and how pods reach it.
pub(crate) struct Storage {
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) env: Vec<(&'static str, String)>,
    _server: Option<Process>,
}

impl Storage {
    pub(crate) async fn open(folder: &Path) -> Self {
        match std::env::var(OTHER) {
            Ok(url) => Self::other(&url).await,
            Err(_) => Self::own(folder).await,
        }
    }

    async fn own(folder: &Path) -> Self {
        let credentials = Credentials {
            access_key: "tester".to_owned(),
            secret_key: "a secret".to_owned(),
        };
        let env = vec![
            ("AWS_ACCESS_KEY_ID", credentials.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_key.clone()),
            // One that is set belongs to other credentials.
            ("AWS_SESSION_TOKEN", String::new()),
        ];
        let listen = free_address();
        let args = [
            "dev-s3".to_owned(),
            format!("--listen={listen}"),
            format!("--folder={}", folder.join("buckets").display()),
        ];
        let server = Process::start(&args, &env, &folder.join("s3.log")).await;
        let url = format!("s3://emberkeep?endpoint=http://{listen}&path_style=true&region=us-east-1");
        let mut settings: S3Settings = url.parse().unwrap();
        settings.credentials = Some(credentials);
        Self {
            store: Store::s3(settings).await.unwrap(),
            url,
            env,
            _server: Some(server),
        }
    }

    /// Below a prefix of its own.
    async fn other(bucket: &str) -> Self {
        let (place, options) = bucket.split_once('?').unwrap_or((bucket, ""));
        let url = format!("{place}/{:016x}?{options}", rand::random::<u64>());
        Self {
            store: Store::from_url(&url).await.unwrap(),
            url,
            env: Vec::new(),
            _server: None,
        }
    }
}
