//! The processes of a dev cluster: who runs, and who takes the place of one that was killed.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use emberkeep_proto::pb;
use futures::future::{join_all, try_join_all};
use rand::seq::IndexedRandom;

use super::args::DevArgs;
use super::child::{Child, ChildSpec};
use super::data_folder::DataFolder;
use super::demo::TARGET;
use super::members::{Member, members_of};
use super::ports::free_port;
use super::storage::Storage;
use crate::admin::{AdminError, AssignerAdmin};
use crate::exit::Failure;

/// How long the assigner may take to have a leader who answers.
const LEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// More load than a machine like this can make: slices move because pods come and go, and for no other reason.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;

/// All processes of a cluster. They end with it.
#[derive(Debug)]
pub(super) struct Cluster {
    members: Vec<Member>,
    /// In the order of the members.
    assigners: Vec<Child>,
    storage: Storage,
    pods: Vec<Pod>,
    pods_started: u32,
    /// Dropped last: a temporary one is removed then.
    folder: DataFolder,
}

/// One pod of the demo service.
#[derive(Debug)]
struct Pod {
    process: Child,
    address: SocketAddr,
    http: SocketAddr,
}

impl Cluster {
    /// Starts the store and the assigner, and creates the demo's target.
    pub(super) async fn start(folder: DataFolder, args: &DevArgs) -> Result<Self, Failure> {
        let members = members_of(&folder, args.assigners, args.record.as_deref())?;
        let storage = Storage::open(args.store.clone(), &folder).await?;
        let assigners = members
            .iter()
            .map(|member| Child::start(member.spec(&members, &folder)));
        let assigners = try_join_all(assigners).await?;
        let cluster = Self {
            members,
            assigners,
            storage,
            pods: Vec::new(),
            pods_started: 0,
            folder,
        };
        cluster.create_target().await?;
        Ok(cluster)
    }

    async fn create_target(&self) -> Result<(), Failure> {
        let settings = pb::TargetSettings {
            max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
            ..Default::default()
        };
        match self.admin().create_target(TARGET, settings).await {
            Err(error) if !error.is_already_exists() => Err(error.into_failure()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Starts pods, all at the same time.
    pub(super) async fn start_pods(&mut self, count: u16) -> Result<(), Failure> {
        let names: Vec<String> = (0..count).map(|_| self.next_pod_name()).collect();
        let started = try_join_all(names.into_iter().map(|name| self.start_pod(name))).await?;
        self.pods.extend(started);
        Ok(())
    }

    /// The name of some pod, if there is one.
    pub(super) fn random_pod(&self) -> Option<String> {
        let pod = self.pods.choose(&mut rand::rng())?;
        Some(pod.process.name().to_owned())
    }

    /// Kills the pod with SIGKILL.
    pub(super) async fn kill_pod(&mut self, name: &str) -> Result<(), Failure> {
        let place = self.pods.iter().position(|pod| pod.process.name() == name);
        let place = place.expect("only pods that run are killed");
        self.pods.swap_remove(place).process.kill().await
    }

    /// Kills the member with SIGKILL.
    pub(super) async fn kill_member(&mut self, member: &Member) -> Result<(), Failure> {
        let place = self.place_of(member);
        self.assigners[place].kill().await
    }

    /// Starts a member that was killed, on what it had kept.
    pub(super) async fn restart_member(&mut self, member: &Member) -> Result<(), Failure> {
        let place = self.place_of(member);
        self.assigners[place] = Child::start(member.spec(&self.members, &self.folder)).await?;
        Ok(())
    }

    pub(super) fn member(&self, id: u64) -> Option<&Member> {
        self.members.iter().find(|member| member.id() == id)
    }

    fn place_of(&self, member: &Member) -> usize {
        let place = self.members.iter().position(|known| known == member);
        place.expect("members do not change during a run")
    }

    /// The complaint about a process that has ended though nobody wanted it to. A pod that was drained may end.
    pub(super) fn unexpected_end(&mut self) -> Option<Failure> {
        self.pods.retain_mut(|pod| !pod.process.has_ended_well());
        let pods = self.pods.iter_mut().map(|pod| &mut pod.process);
        let processes = self.assigners.iter_mut().chain(pods).chain(&mut self.storage.server);
        processes.filter_map(Child::unexpected_end).next()
    }

    /// Ends all processes.
    pub(super) async fn end(self) {
        let pods = self.pods.into_iter().map(|pod| pod.process);
        let processes = pods.chain(self.assigners).chain(self.storage.server);
        join_all(processes.map(Child::end)).await;
        drop(self.folder);
    }

    pub(super) fn admin(&self) -> AssignerAdmin {
        AssignerAdmin::new(self.assigner_urls(), LEADER_TIMEOUT)
    }

    pub(super) fn assigner_urls(&self) -> Vec<String> {
        self.members.iter().map(Member::url).collect()
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
        let pods = pods.map(|pod| place(pod.process.name(), &format!("http://{}", pod.address), pod.http));
        let store = format!("{:<12} {}", "store", self.storage.url);
        let folder = format!("{:<12} {}", "data", self.folder.root().display());
        members.chain(pods).chain([store, folder]).collect()
    }

    fn next_pod_name(&mut self) -> String {
        self.pods_started += 1;
        format!("pod-{}", self.pods_started)
    }

    async fn start_pod(&self, name: String) -> Result<Pod, Failure> {
        let address = (Ipv4Addr::LOCALHOST, free_port()?).into();
        let http = (Ipv4Addr::LOCALHOST, free_port()?).into();
        let process = Child::start(self.pod_spec(name, address, http)).await?;
        Ok(Pod { process, address, http })
    }

    fn pod_spec(&self, name: String, address: SocketAddr, http: SocketAddr) -> ChildSpec {
        let assigners = self.assigner_urls().into_iter();
        let assigners = assigners.map(|url| format!("--assigner={url}"));
        let own = [
            "dev-pod".to_owned(),
            format!("--name={name}"),
            format!("--listen={address}"),
            format!("--http={http}"),
            format!("--store={}", self.storage.url),
            format!("--reads={}", self.folder.reads().join(&name).display()),
        ];
        ChildSpec {
            args: own.into_iter().chain(assigners).collect(),
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
