//! The processes of a cluster: assigner, object store and pods of the demo service.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use emberkeep_assigner::AssignerAdmin;
use emberkeep_assigner::raft::MemberId;
use emberkeep_proto::pb;
use futures::future::{join_all, try_join_all};
use rand::seq::IteratorRandom;
use tokio::time::Instant;

use super::assigner_group::AssignerGroup;
use super::data_folder::DataFolder;
use super::launcher::{LoopbackLauncher, ProcessLauncher};
use super::member::MemberOptions;
use super::operator_command::OperatorCommand;
use super::pod_options::PodOptions;
use super::pod_process::{DrainingPod, PodFault, PodProcess, PodSpec};
use super::process::{ChildProcess, ProcessSpec};
use super::storage::{Storage, StoreChoice};
use super::tcp_proxy::Upstream;
use crate::monitoring::ScrapeTargets;
use crate::{DEADLINE, LabError};

/// The settings of a cluster.
#[derive(Debug, Clone)]
pub struct ProcessClusterSettings {
    /// The binary `emberkeep` that each process runs.
    pub program: PathBuf,
    /// Starts the processes: on loopback, or in network namespaces.
    pub launcher: Arc<dyn ProcessLauncher>,
    /// The number of members of the assigner.
    pub members: u16,
    /// The file to which the members record their events and decisions.
    pub record: Option<PathBuf>,
    /// The settings of the pods.
    pub pods: PodOptions,
    /// The flags of members and pods for the export of telemetry.
    pub telemetry: Vec<String>,
}

impl ProcessClusterSettings {
    /// The settings of a cluster on loopback with one assigner member and read-only pods.
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            launcher: Arc::new(LoopbackLauncher),
            members: 1,
            record: None,
            pods: PodOptions::default(),
            telemetry: Vec::new(),
        }
    }
}

/// All processes of a cluster; dropping this kills them.
#[derive(Debug)]
pub struct ProcessCluster {
    program: PathBuf,
    launcher: Arc<dyn ProcessLauncher>,
    pod_options: PodOptions,
    telemetry: Vec<String>,
    assigners: AssignerGroup,
    storage: Storage,
    /// In the order in which they were started.
    pods: Vec<PodProcess>,
    draining: Vec<DrainingPod>,
    pods_started: u32,
    /// Dropped last, because a temporary folder is removed then.
    folder: DataFolder,
}

impl ProcessCluster {
    /// Starts the object store and the assigner in this folder.
    ///
    /// # Errors
    /// If the folder belongs to a cluster of another size, the store cannot be used, or a process does not start.
    pub async fn start(
        folder: DataFolder,
        store: StoreChoice,
        settings: ProcessClusterSettings,
    ) -> Result<Self, LabError> {
        let assigners = settings.assigners(&folder)?;
        let storage = Storage::open(store, &folder, &settings.program).await?;
        Self::start_members(folder, storage, assigners, settings).await
    }

    /// Starts the assigner beside an object store that is already running.
    ///
    /// # Errors
    /// See [`start`](Self::start).
    pub async fn start_beside(
        storage: Storage,
        folder: DataFolder,
        settings: ProcessClusterSettings,
    ) -> Result<Self, LabError> {
        let assigners = settings.assigners(&folder)?;
        Self::start_members(folder, storage, assigners, settings).await
    }

    async fn start_members(
        folder: DataFolder,
        storage: Storage,
        mut assigners: AssignerGroup,
        settings: ProcessClusterSettings,
    ) -> Result<Self, LabError> {
        assigners.start_all(&folder).await?;
        Ok(Self {
            program: settings.program,
            launcher: settings.launcher,
            pod_options: settings.pods,
            telemetry: settings.telemetry,
            assigners,
            storage,
            pods: Vec::new(),
            draining: Vec::new(),
            pods_started: 0,
            folder,
        })
    }

    /// Creates a target, or applies these settings to the one in the data folder.
    ///
    /// # Errors
    /// If the assigner rejects them or does not answer.
    pub async fn create_target(&self, target: &str, settings: pb::TargetSettings) -> Result<(), LabError> {
        match self.admin().create_target(target, settings).await {
            Err(error) if error.is_already_exists() => Ok(self.admin().configure_target(target, settings).await?),
            created => Ok(created?),
        }
    }

    /// Starts `count` pods concurrently, and adds them to the cluster.
    ///
    /// # Errors
    /// If a pod does not start; the others are then killed.
    pub async fn start_pods(&mut self, count: usize) -> Result<(), LabError> {
        let names = self.next_pod_names(count);
        self.start_pods_named(names).await
    }

    /// Reserves names for `count` pods; no two pods of a cluster have the same name.
    pub(crate) fn next_pod_names(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next_pod_name()).collect()
    }

    pub(crate) async fn start_pods_named(&mut self, names: Vec<String>) -> Result<(), LabError> {
        let started = try_join_all(names.into_iter().map(|name| self.start_pod(name))).await?;
        self.pods.extend(started);
        Ok(())
    }

    /// Starts a pod without adding it to the cluster.
    pub(crate) async fn start_pod(&self, name: String) -> Result<PodProcess, LabError> {
        PodProcess::start(self.pod_spec(name), self.launcher.as_ref()).await
    }

    /// The name of a random pod without an injected fault; `None` if each has one.
    pub(crate) fn random_pod(&self) -> Option<String> {
        let without_fault = self.pods.iter().filter(|pod| !pod.has_fault());
        let pod = without_fault.choose(&mut rand::rng())?;
        Some(pod.name().to_owned())
    }

    /// Kills the pod with SIGKILL and removes it from the cluster.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub async fn kill_pod(&mut self, name: &str) -> Result<(), LabError> {
        match self.take_pod(name) {
            Some(mut pod) => pod.process.kill().await,
            None => Ok(()),
        }
    }

    /// Kills the pod with SIGKILL and starts it again at the same addresses, with the other pods as peers.
    pub(crate) async fn restart_pod(&mut self, name: &str) -> Result<(), LabError> {
        let others = self.pods.iter().filter(|pod| pod.name() != name);
        let peers: Vec<String> = others.map(|pod| format!("--peer=http://{}", pod.address)).collect();
        match self.pod_mut(name) {
            Some(pod) => pod.process.restart(peers).await,
            None => Ok(()),
        }
    }

    /// Sends SIGTERM to the pods. A pod that exits with an error or misses its deadline is a failure of the cluster.
    pub(crate) async fn drain_pods(&mut self, names: &[String]) -> Result<(), LabError> {
        let deadline = Instant::now() + DEADLINE;
        for name in names {
            if let Some(pod) = self.take_pod(name) {
                self.draining.push(pod.drain(deadline).await?);
            }
        }
        Ok(())
    }

    /// Whether a draining pod still runs.
    pub(crate) const fn is_draining(&self) -> bool {
        !self.draining.is_empty()
    }

    /// Halts or partitions the pod.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub async fn inject(&mut self, name: &str, fault: PodFault) -> Result<(), LabError> {
        match self.pod_mut(name) {
            Some(pod) => pod.inject(fault).await,
            None => Ok(()),
        }
    }

    /// Ends the fault of the pod.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub async fn heal(&mut self, name: &str) -> Result<(), LabError> {
        match self.pod_mut(name) {
            Some(pod) => pod.heal().await,
            None => Ok(()),
        }
    }

    /// The pods, in the order in which they were started, excluding killed and draining pods.
    pub fn pods(&self) -> &[PodProcess] {
        &self.pods
    }

    /// The pod of that name; `None` after it has ended, for example by an operator's drain.
    pub fn pod_mut(&mut self, name: &str) -> Option<&mut PodProcess> {
        self.pods.iter_mut().find(|pod| pod.name() == name)
    }

    fn take_pod(&mut self, name: &str) -> Option<PodProcess> {
        let index = self.pods.iter().position(|pod| pod.name() == name)?;
        Some(self.pods.remove(index))
    }

    /// The failure of a process that has ended unexpectedly, or of a draining pod that has not ended in time. A pod
    /// that exited with code 0 is removed: an operator may have drained it.
    pub(crate) fn take_failure(&mut self) -> Option<LabError> {
        self.pods.retain_mut(|pod| !pod.process.try_wait_success());
        self.draining.retain_mut(|pod| !pod.process.try_wait_success());
        if let Some(failure) = self.draining.iter_mut().find_map(DrainingPod::failure) {
            return Some(failure);
        }
        let pods = self.pods.iter_mut().map(|pod| &mut pod.process);
        let mut processes = self.assigners.running().chain(pods).chain(&mut self.storage.server);
        processes.find_map(ChildProcess::unexpected_end)
    }

    /// Ends all processes, and removes a temporary data folder.
    pub async fn end(self) {
        let draining = self.draining.into_iter().map(|pod| pod.process);
        tokio::join!(
            join_all(self.pods.into_iter().map(PodProcess::end)),
            join_all(draining.chain(self.storage.server).map(ChildProcess::end)),
            self.assigners.end(),
        );
        drop(self.folder);
    }

    /// The members of the assigner.
    pub const fn assigners(&self) -> &AssignerGroup {
        &self.assigners
    }

    /// Kills all members of the assigner with SIGKILL, at the same time.
    pub(crate) async fn kill_assigners(&mut self) -> Result<(), LabError> {
        self.assigners.kill_all().await
    }

    /// Starts all members of the assigner again, with their data.
    pub(crate) async fn restart_assigners(&mut self) -> Result<(), LabError> {
        self.assigners.start_all(&self.folder).await
    }

    /// Kills a member of the assigner with SIGKILL.
    pub(crate) async fn kill_member(&mut self, id: MemberId) -> Result<(), LabError> {
        self.assigners.kill(id).await
    }

    /// Starts a killed member of the assigner again, with its data.
    pub(crate) async fn restart_member(&mut self, id: MemberId) -> Result<(), LabError> {
        self.assigners.restart(id, &self.folder).await
    }

    /// A client of the admin service.
    pub fn admin(&self) -> AssignerAdmin {
        self.assigners.admin()
    }

    /// Runs `emberkeep admin` against this cluster.
    pub fn operator_command(&self) -> OperatorCommand {
        OperatorCommand {
            program: self.program.clone(),
            assigner: self.assigner_urls()[0].clone(),
        }
    }

    /// The URLs of the members of the assigner.
    pub fn assigner_urls(&self) -> Vec<String> {
        self.assigners.urls()
    }

    pub(crate) fn pod_names(&self) -> Vec<String> {
        self.pods.iter().map(|pod| pod.name().to_owned()).collect()
    }

    pub(crate) fn pod_addresses(&self) -> BTreeSet<String> {
        self.pods.iter().map(|pod| pod.address.to_string()).collect()
    }

    /// The object store, and its URL and credentials for other processes.
    pub const fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The folder of all data.
    pub const fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// The line with the URL of the page; each member serves it.
    pub(crate) fn page_location(&self) -> String {
        let first = self.assigners.members().first().expect("a group has members");
        format!("{:<12} {}", "page", first.page_url())
    }

    /// One line for each process, the store and the data folder, with its URL or path.
    pub(crate) fn locations(&self) -> Vec<String> {
        let members = self.assigners.members().iter();
        let members = members.map(|member| location(&member.name(), &member.url(), member.addresses.http));
        let pods = self.pods.iter();
        let pods = pods.map(|pod| location(pod.name(), &format!("http://{}", pod.address), pod.http));
        let store = format!("{:<12} {}", "store", self.storage.url);
        let folder = format!("{:<12} {}", "data", self.folder.root().display());
        members.chain(pods).chain([store, folder]).collect()
    }

    /// The metrics pages of members and pods, without killed and draining ones.
    pub(crate) fn scrape_targets(&self) -> ScrapeTargets {
        let members = self.assigners.members().iter();
        let pods = self.pods.iter().map(|pod| (pod.name().to_owned(), pod.http));
        ScrapeTargets {
            assigners: members.map(|member| (member.name(), member.addresses.http)).collect(),
            slicelets: pods.collect(),
        }
    }

    /// A process with the flags for the store and the assigner.
    pub(crate) fn process_spec(
        &self,
        name: &str,
        command: &str,
        args: impl IntoIterator<Item = String>,
    ) -> ProcessSpec {
        let own = [
            command.to_owned(),
            format!("--name={name}"),
            format!("--store={}", self.storage.url),
        ];
        ProcessSpec {
            name: name.to_owned(),
            program: self.program.clone(),
            args: own.into_iter().chain(args).collect(),
            env: self.storage.env.clone(),
            log: self.folder.log_of(name),
        }
    }

    fn next_pod_name(&mut self) -> String {
        self.pods_started += 1;
        format!("pod-{}", self.pods_started)
    }

    fn pod_spec(&self, name: String) -> PodSpec {
        let options = &self.pod_options;
        let arguments = options.arguments(&self.folder.reads().join(&name));
        PodSpec {
            process: self.process_spec(&name, "dev-pod", arguments.into_iter().chain(self.telemetry.clone())),
            assigners: self.assigner_urls(),
            serves_http: options.serves_http,
            proxy_to: options.uses_proxy.then(|| {
                let members = self.assigners.members().iter();
                let members = members.map(|member| (member.id, member.addresses.listen));
                Upstream::Leader(self.admin(), members.collect())
            }),
        }
    }
}

impl ProcessClusterSettings {
    fn assigners(&self, folder: &DataFolder) -> Result<AssignerGroup, LabError> {
        AssignerGroup::new(
            self.program.clone(),
            Arc::clone(&self.launcher),
            folder,
            self.members,
            MemberOptions {
                record: self.record.clone(),
                telemetry: self.telemetry.clone(),
            },
        )
    }
}

fn location(name: &str, url: &str, http: SocketAddr) -> String {
    format!("{name:<12} {url}, metrics at http://{http}/metrics")
}
