//! The processes of a dev cluster: who runs, and who takes the place of one that was killed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use emberkeep_proto::pb;
use futures::future::{join_all, try_join_all};
use rand::seq::IteratorRandom;
use tokio::time::Instant;

use super::args::DevArgs;
use super::child::{Child, ChildSpec};
use super::data_folder::DataFolder;
use super::demo::TARGET;
use super::link::Way;
use super::members::{Member, members_of};
use super::pod_process::{Leaving, PodProcess};
use super::storage::Storage;
use crate::admin::{AdminError, AssignerAdmin};
use crate::exit::Failure;

pub(super) use super::pod_process::Spell;

/// How long the assigner may take to have a leader who answers.
const LEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a pod that was told to drain may take to end: longer than it keeps what nobody takes.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);

/// All processes of a cluster. They end with it.
#[derive(Debug)]
pub(super) struct Cluster {
    members: Vec<Member>,
    /// In the order of the members; none for one that was killed.
    assigners: Vec<Option<Child>>,
    storage: Storage,
    /// In the order in which they were started.
    pods: Vec<PodProcess>,
    leaving: Vec<Leaving>,
    pods_started: u32,
    has_links: bool,
    /// Dropped last: a temporary one is removed then.
    folder: DataFolder,
}

impl Cluster {
    /// Starts the store and the assigner, and creates the demo's target.
    pub(super) async fn start(
        folder: DataFolder,
        args: &DevArgs,
        settings: pb::TargetSettings,
    ) -> Result<Self, Failure> {
        let members = members_of(&folder, args.assigners, args.record.as_deref())?;
        let storage = Storage::open(args.store.clone(), &folder).await?;
        let mut cluster = Self {
            assigners: members.iter().map(|_| None).collect(),
            members,
            storage,
            pods: Vec::new(),
            leaving: Vec::new(),
            pods_started: 0,
            has_links: args.deeds.needs_links(),
            folder,
        };
        cluster.restart_members().await?;
        cluster.create_target(settings).await?;
        Ok(cluster)
    }

    /// A target that is there already gets the settings of this run.
    async fn create_target(&self, settings: pb::TargetSettings) -> Result<(), Failure> {
        match self.admin().create_target(TARGET, settings).await {
            Err(error) if error.is_already_exists() => Ok(self.admin().configure_target(TARGET, settings).await?),
            created => Ok(created?),
        }
    }

    /// Starts so many pods, all at the same time.
    pub(super) async fn start_pods(&mut self, count: usize) -> Result<(), Failure> {
        let names = self.next_pod_names(count);
        self.start_pods_named(names).await
    }

    /// The names of so many pods that are started next.
    pub(super) fn next_pod_names(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next_pod_name()).collect()
    }

    pub(super) async fn start_pods_named(&mut self, names: Vec<String>) -> Result<(), Failure> {
        let started = try_join_all(names.into_iter().map(|name| self.start_pod(name))).await?;
        self.pods.extend(started);
        Ok(())
    }

    /// The name of some pod that is in action, if there is one.
    pub(super) fn random_pod(&self) -> Option<String> {
        let in_action = self.pods.iter().filter(|pod| pod.is_in_action());
        let pod = in_action.choose(&mut rand::rng())?;
        Some(pod.name().to_owned())
    }

    /// Kills the pod with SIGKILL.
    pub(super) async fn kill_pod(&mut self, name: &str) -> Result<(), Failure> {
        match self.take_pod(name) {
            Some(mut pod) => pod.process.kill().await,
            None => Ok(()),
        }
    }

    /// Kills the pod with SIGKILL and starts it again where it was, told of the others.
    pub(super) async fn restart_pod(&mut self, name: &str) -> Result<(), Failure> {
        let others = self.pods.iter().filter(|pod| pod.name() != name);
        let others: Vec<String> = others.map(|pod| format!("--peer=http://{}", pod.address)).collect();
        match self.pod_mut(name) {
            Some(pod) => pod.process.restart(others).await,
            None => Ok(()),
        }
    }

    /// Tells the pods to drain by SIGTERM. They leave by themselves; those that do not in order are complained of.
    pub(super) async fn drain_pods(&mut self, names: &[String]) -> Result<(), Failure> {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        for name in names {
            if let Some(pod) = self.take_pod(name) {
                self.leaving.push(pod.drain(deadline).await?);
            }
        }
        Ok(())
    }

    /// Whether a pod that was told to drain is still there.
    pub(super) const fn is_draining(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Takes the pod out of action.
    pub(super) async fn strike(&mut self, name: &str, spell: Spell) -> Result<(), Failure> {
        match self.pod_mut(name) {
            Some(pod) => pod.strike(spell).await,
            None => Ok(()),
        }
    }

    /// Brings the pod back into action.
    pub(super) async fn bring_back(&mut self, name: &str) -> Result<(), Failure> {
        match self.pod_mut(name) {
            Some(pod) => pod.bring_back().await,
            None => Ok(()),
        }
    }

    /// The pod, unless it has ended, as one does that an operator has drained.
    fn pod_mut(&mut self, name: &str) -> Option<&mut PodProcess> {
        self.pods.iter_mut().find(|pod| pod.name() == name)
    }

    fn take_pod(&mut self, name: &str) -> Option<PodProcess> {
        let place = self.pods.iter().position(|pod| pod.name() == name)?;
        Some(self.pods.remove(place))
    }

    /// Kills the member with SIGKILL.
    pub(super) async fn kill_member(&mut self, member: &Member) -> Result<(), Failure> {
        let place = self.place_of(member);
        match self.assigners[place].take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Starts a member that was killed, on what it had kept.
    pub(super) async fn restart_member(&mut self, member: &Member) -> Result<(), Failure> {
        let place = self.place_of(member);
        self.assigners[place] = Some(Child::start(member.spec(&self.members, &self.folder)).await?);
        Ok(())
    }

    /// Kills all members with SIGKILL, at the same time.
    pub(super) async fn kill_members(&mut self) -> Result<(), Failure> {
        let running = self.assigners.iter_mut().filter_map(Option::take);
        let killed = running.map(async |mut process| process.kill().await);
        try_join_all(killed).await.map(drop)
    }

    /// Starts all members, on what they had kept.
    pub(super) async fn restart_members(&mut self) -> Result<(), Failure> {
        let specs = self.members.iter();
        let specs = specs.map(|member| member.spec(&self.members, &self.folder));
        let started = try_join_all(specs.map(Child::start)).await?;
        self.assigners = started.into_iter().map(Some).collect();
        Ok(())
    }

    pub(super) fn member(&self, id: u64) -> Option<&Member> {
        self.members.iter().find(|member| member.id() == id)
    }

    fn place_of(&self, member: &Member) -> usize {
        let place = self.members.iter().position(|known| known == member);
        place.expect("members do not change during a run")
    }

    /// The complaint about a process that has ended though nobody wanted it to, or has not though it was told to. A pod
    /// that was drained may end.
    pub(super) fn unexpected_end(&mut self) -> Option<Failure> {
        self.pods.retain_mut(|pod| !pod.process.has_ended_well());
        self.leaving.retain_mut(|pod| !pod.process.has_ended_well());
        if let Some(complaint) = self.leaving.iter_mut().find_map(Leaving::complaint) {
            return Some(complaint);
        }
        let pods = self.pods.iter_mut().map(|pod| &mut pod.process);
        let assigners = self.assigners.iter_mut().flatten();
        let mut processes = assigners.chain(pods).chain(&mut self.storage.server);
        processes.find_map(Child::unexpected_end)
    }

    /// Ends all processes.
    pub(super) async fn end(self) {
        let leaving = self.leaving.into_iter().map(|pod| pod.process);
        let processes = leaving
            .chain(self.assigners.into_iter().flatten())
            .chain(self.storage.server);
        tokio::join!(
            join_all(self.pods.into_iter().map(PodProcess::end)),
            join_all(processes.map(Child::end))
        );
        drop(self.folder);
    }

    pub(super) fn admin(&self) -> AssignerAdmin {
        AssignerAdmin::new(self.assigner_urls(), LEADER_TIMEOUT)
    }

    pub(super) fn assigner_urls(&self) -> Vec<String> {
        self.members.iter().map(Member::url).collect()
    }

    pub(super) fn member_names(&self) -> Vec<String> {
        self.members.iter().map(Member::name).collect()
    }

    pub(super) fn pod_names(&self) -> Vec<String> {
        self.pods.iter().map(|pod| pod.name().to_owned()).collect()
    }

    pub(super) fn pod_addresses(&self) -> BTreeSet<String> {
        self.pods.iter().map(|pod| pod.address.to_string()).collect()
    }

    pub(super) const fn storage(&self) -> &Storage {
        &self.storage
    }

    pub(super) const fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// Where everything is, a line each.
    pub(super) fn places(&self) -> Vec<String> {
        let members = self.members.iter();
        let members = members.map(|member| place(&member.name(), &member.url(), member.http));
        let pods = self.pods.iter();
        let pods = pods.map(|pod| place(pod.name(), &format!("http://{}", pod.address), pod.http));
        let store = format!("{:<12} {}", "store", self.storage.url);
        let folder = format!("{:<12} {}", "data", self.folder.root().display());
        members.chain(pods).chain([store, folder]).collect()
    }

    fn next_pod_name(&mut self) -> String {
        self.pods_started += 1;
        format!("pod-{}", self.pods_started)
    }

    async fn start_pod(&self, name: String) -> Result<PodProcess, Failure> {
        let to_leader = self.has_links.then(|| {
            let members = self.members.iter().map(|member| (member.id(), member.listen()));
            Way::ToLeader(self.admin(), members.collect())
        });
        PodProcess::start(self.pod_spec(name), self.assigner_urls(), to_leader).await
    }

    fn pod_spec(&self, name: String) -> ChildSpec {
        let args = [
            "dev-pod".to_owned(),
            format!("--name={name}"),
            format!("--store={}", self.storage.url),
            format!("--reads={}", self.folder.reads().join(&name).display()),
        ];
        ChildSpec {
            args: args.into(),
            env: self.storage.env.clone(),
            log: self.folder.log_of(&name),
            name,
        }
    }
}

fn place(name: &str, url: &str, http: SocketAddr) -> String {
    format!("{name:<12} {url}, metrics at http://{http}/metrics")
}

/// The member that leads, and its term.
pub(super) async fn leader_of(admin: &AssignerAdmin) -> Result<Option<(u64, u64)>, AdminError> {
    let cluster = admin.cluster().await?;
    Ok(cluster.leader.map(|id| (id, cluster.term)))
}
