//! The site of a measurement: a folder, a store and an assigner, on which slicelets are built.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emberkeep_proto::pb;
use emberkeep_store::Store;

use super::args::PlaceArgs;
use crate::admin::AssignerAdmin;
use crate::dev::{Child, ChildSpec, DataFolder, Member, Storage, create, members_of, write_missing};
use crate::exit::Failure;
use crate::log;

/// How long the assigner may take to have a leader who answers.
const LEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Everything ends with it.
#[derive(Debug)]
pub(super) struct Site {
    member: Member,
    assigner: Child,
    pub(super) storage: Storage,
    /// Dropped last: a temporary one is removed then.
    pub(super) folder: DataFolder,
}

impl Site {
    /// Starts the store and the assigner where the arguments say.
    pub(super) async fn open(place: &PlaceArgs) -> Result<Self, Failure> {
        let folder = DataFolder::open(place.data.clone())?;
        log::to_file(create(&folder.log_of("bench"))?, "info");
        step("starting store and assigner");
        let storage = Storage::open(place.store.clone(), &folder).await?;
        Self::on(folder, storage).await
    }

    /// Starts the assigner beside a store that is there.
    pub(super) async fn on(folder: DataFolder, storage: Storage) -> Result<Self, Failure> {
        let members = members_of(&folder, 1, None)?;
        let member = members.first().expect("one was asked for").clone();
        let assigner = Child::start(member.spec(&members, &folder)).await?;
        Ok(Self {
            member,
            assigner,
            storage,
            folder,
        })
    }

    pub(super) fn store(&self) -> &Store {
        &self.storage.store
    }

    pub(super) fn assigner_url(&self) -> String {
        self.member.url()
    }

    /// Creates the target; one that was kept in the folder gets these settings.
    pub(super) async fn create_target(&self, target: &str, settings: pb::TargetSettings) -> Result<(), Failure> {
        match self.admin().create_target(target, settings).await {
            Err(error) if error.is_already_exists() => self.configure_target(target, settings).await,
            outcome => outcome.map_err(crate::admin::AdminError::into_failure),
        }
    }

    pub(super) async fn configure_target(&self, target: &str, settings: pb::TargetSettings) -> Result<(), Failure> {
        let configured = self.admin().configure_target(target, settings).await;
        configured.map_err(crate::admin::AdminError::into_failure)
    }

    /// Writes those objects of the target that are not there yet.
    pub(super) async fn write(
        &self,
        target: &str,
        keys: &[Arc<str>],
        value_of: impl Fn(&str) -> Bytes,
    ) -> Result<(), Failure> {
        step(&format!("writing up to {} objects", keys.len()));
        write_missing(self.store(), target, keys, value_of, |_, _| {}).await
    }

    /// A process that reaches the store and the assigner.
    pub(super) fn spec(&self, name: &str, command: &str, args: impl IntoIterator<Item = String>) -> ChildSpec {
        let own = [
            command.to_owned(),
            format!("--name={name}"),
            format!("--assigner={}", self.assigner_url()),
            format!("--store={}", self.storage.url),
        ];
        ChildSpec {
            name: name.to_owned(),
            args: own.into_iter().chain(args).collect(),
            env: self.storage.env.clone(),
            log: self.folder.log_of(name),
        }
    }

    /// An empty folder for the disk tier of a pod.
    pub(super) fn disk_of(&self, pod: &str) -> Result<PathBuf, Failure> {
        let path = self.folder.root().join("disk").join(pod);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::bad_input(format!("cannot empty {}: {error}", path.display())))
            }
            Ok(()) | Err(_) => Ok(path),
        }
    }

    /// Ends all processes.
    pub(super) async fn end(self) {
        self.assigner.end().await;
        if let Some(server) = self.storage.server {
            server.end().await;
        }
        drop(self.folder);
    }

    fn admin(&self) -> AssignerAdmin {
        AssignerAdmin::new(vec![self.assigner_url()], LEADER_TIMEOUT)
    }
}

/// Says what is being done; on standard error, so that standard output holds the table alone.
pub(super) fn step(what: &str) {
    eprintln!("{what}");
}
