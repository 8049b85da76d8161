//! The object store of a cluster.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use emberkeep_runtime::free_port::free_port;
use emberkeep_store::{Credentials, Durability, Folder, S3Settings, Store};

use super::data_folder::DataFolder;
use super::process::{ChildProcess, ProcessSpec};
use super::s3_server::BUCKET;
use crate::LabError;

/// The object store of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// An S3 server in a process of the cluster.
    EmbeddedS3,
    /// The data folder, without a server.
    Folder,
    /// An existing store, given by its URL.
    Url(String),
}

impl FromStr for StoreChoice {
    type Err = Infallible;

    /// `s3`, `folder`, or a URL, which is checked when it is opened.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "s3" => Self::EmbeddedS3,
            "folder" => Self::Folder,
            url => Self::Url(url.to_owned()),
        })
    }
}

/// An open store, and its location for other processes.
#[derive(Debug)]
pub struct Storage {
    /// The open store, for this process.
    pub store: Store,
    /// The URL from which other processes open it.
    pub url: String,
    /// The credentials as environment variables.
    pub env: Vec<(&'static str, String)>,
    /// The server, if the cluster runs it.
    pub(crate) server: Option<ChildProcess>,
}

impl Storage {
    /// Opens the store, starts its server if there is one, and checks that it honours conditional writes.
    pub(super) async fn open(choice: StoreChoice, folder: &DataFolder, program: &Path) -> Result<Self, LabError> {
        let storage = match choice {
            StoreChoice::EmbeddedS3 => Self::embedded_s3(folder, program).await?,
            StoreChoice::Folder => Self::folder(folder).await?,
            StoreChoice::Url(url) => Self::existing(url).await?,
        };
        storage.store.check().await?;
        storage.store.require_conditional_writes().await?;
        Ok(storage)
    }

    async fn embedded_s3(folder: &DataFolder, program: &Path) -> Result<Self, LabError> {
        let credentials = Credentials {
            access_key: "emberkeep-dev".to_owned(),
            secret_key: format!("{:032x}", rand::random::<u128>()),
        };
        let env = environment_of(&credentials);
        let listen = format!("127.0.0.1:{}", free_port()?);
        let server = ChildProcess::start(ProcessSpec {
            name: "s3".to_owned(),
            program: program.to_owned(),
            args: vec![
                "dev-s3".to_owned(),
                format!("--listen={listen}"),
                format!("--folder={}", folder.buckets().display()),
            ],
            env: env.clone(),
            log: folder.log_of("s3"),
        })
        .await?;
        let url = format!("s3://{BUCKET}?endpoint=http://{listen}&path_style=true&region=us-east-1");
        let mut settings: S3Settings = url.parse()?;
        settings.credentials = Some(credentials);
        Ok(Self {
            store: Store::s3(settings).await?,
            url,
            env,
            server: Some(server),
        })
    }

    /// Not synced to disk: the objects can be derived again.
    async fn folder(folder: &DataFolder) -> Result<Self, LabError> {
        let path = folder.objects();
        let url = format!("folder://{}", path.display());
        let opened = Folder::open(path, Durability::Unsynced).await?;
        Ok(Self {
            store: Store::new(opened),
            url,
            env: Vec::new(),
            server: None,
        })
    }

    async fn existing(url: String) -> Result<Self, LabError> {
        Ok(Self {
            store: Store::from_url(&url).await?,
            url,
            env: Vec::new(),
            server: None,
        })
    }
}

/// The environment variables from which a process takes these credentials.
pub(crate) fn environment_of(credentials: &Credentials) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ACCESS_KEY_ID", credentials.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_key.clone()),
        // A token in the environment belongs to other credentials.
        ("AWS_SESSION_TOKEN", String::new()),
    ]
}
