//! Where the objects of a dev cluster are.

use std::convert::Infallible;
use std::str::FromStr;

use emberkeep_store::{Credentials, Durability, Folder, S3Settings, Store, StoreError};

use super::child::{Child, ChildSpec};
use super::data_folder::DataFolder;
use super::ports::free_port;
use super::s3::BUCKET;
use crate::exit::Failure;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreChoice {
    /// An S3 server of our own.
    EmbeddedS3,
    /// The local folder, without any server.
    Folder,
    /// A bucket that is there already.
    Url(String),
}

impl FromStr for StoreChoice {
    type Err = Infallible;

    /// Whatever is no word of ours is taken for a URL, and doubted when it is opened.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "s3" => Self::EmbeddedS3,
            "folder" => Self::Folder,
            url => Self::Url(url.to_owned()),
        })
    }
}

/// An open store, and how pods reach it.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) store: Store,
    /// The URL from which a pod opens the same store.
    pub(crate) url: String,
    /// What a pod needs in its environment to be let in.
    pub(crate) env: Vec<(&'static str, String)>,
    /// The server, where it is ours.
    pub(crate) server: Option<Child>,
}

impl Storage {
    /// Opens the store, starting its server if need be; fails if it cannot be used.
    pub(crate) async fn open(choice: StoreChoice, folder: &DataFolder) -> Result<Self, Failure> {
        let storage = match choice {
            StoreChoice::EmbeddedS3 => Self::embedded_s3(folder).await?,
            StoreChoice::Folder => Self::folder(folder).await?,
            StoreChoice::Url(url) => Self::existing(url).await?,
        };
        storage.store.check().await.map_err(failure_of)?;
        storage.store.require_conditional_writes().await.map_err(failure_of)?;
        Ok(storage)
    }

    async fn embedded_s3(folder: &DataFolder) -> Result<Self, Failure> {
        let credentials = Credentials {
            access_key: "emberkeep-dev".to_owned(),
            secret_key: format!("{:032x}", rand::random::<u128>()),
        };
        let env = vec![
            ("AWS_ACCESS_KEY_ID", credentials.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_key.clone()),
            // One that is set belongs to other credentials.
            ("AWS_SESSION_TOKEN", String::new()),
        ];
        let listen = format!("127.0.0.1:{}", free_port()?);
        let server = Child::start(ChildSpec {
            name: "s3".to_owned(),
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
        let mut settings: S3Settings = url.parse().map_err(failure_of)?;
        settings.credentials = Some(credentials);
        Ok(Self {
            store: Store::s3(settings).await.map_err(failure_of)?,
            url,
            env,
            server: Some(server),
        })
    }

    /// Not synced to disk: what is written here can be derived again.
    async fn folder(folder: &DataFolder) -> Result<Self, Failure> {
        let path = folder.objects();
        let url = format!("folder://{}", path.display());
        let opened = Folder::open(path, Durability::Unsynced).await.map_err(failure_of)?;
        Ok(Self {
            store: Store::new(opened),
            url,
            env: Vec::new(),
            server: None,
        })
    }

    async fn existing(url: String) -> Result<Self, Failure> {
        Ok(Self {
            store: Store::from_url(&url).await.map_err(failure_of)?,
            url,
            env: Vec::new(),
            server: None,
        })
    }
}

/// Whether whoever chose the store has to choose better, or something broke.
pub(crate) fn failure_of(error: StoreError) -> Failure {
    match &error {
        StoreError::BadUrl { .. }
        | StoreError::BadName { .. }
        | StoreError::NotReachable { .. }
        | StoreError::NotSecure { .. }
        | StoreError::Refused { .. }
        | StoreError::NoSuchPlace { .. }
        | StoreError::NoConditionalWrites { .. }
        | StoreError::TooLarge { .. }
        | StoreError::OtherVersion { .. }
        | StoreError::CannotListen { .. } => Failure::bad_input(error),
        _ => Failure::failed(error),
    }
}
