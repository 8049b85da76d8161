//! `emberkeep bench transfer`: what it costs to move all that is warm to a new pod, with and without the transfer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use emberkeep_proto::pb;
use futures::stream::{self, StreamExt};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::args::{PlaceArgs, object_size_from};
use super::choice::{Choice, Chooser};
use super::memory::{Memory, forget_peak};
use super::site::{Site, step};
use super::transfer_report::{Answers, PodMemory, TransferReport, TransferRun};
use super::value::{is_value_of, keys_of, value_of};
use crate::dev::{AssignmentLog, Child, Clients, DEMO_TARGET, Due, Reads, Signal, free_port};
use crate::exit::Failure;

/// Replace a pod that has everything warm: what the move costs, with and without the transfer of warm values.
///
/// A pod is asked for each object once, and then for many by choice, so that some are hotter than others. Then a second
/// pod is started, and the first is told to drain at the same moment. Once that has ended, each object is asked for once
/// more. Memory is what the system counts as resident; its peak is that of the move alone.
#[derive(Debug, Args)]
pub(super) struct TransferArgs {
    /// How many objects there are
    #[arg(long, value_name = "COUNT", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    objects: u32,
    /// The size of each, up to 2MiB
    #[arg(long, value_name = "SIZE", default_value = "64KiB", value_parser = answered_size_from)]
    size: u64,
    /// How many objects are asked for after each was asked for once
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    asks: u32,
    /// Which objects those are
    #[arg(long, value_enum, default_value = "zipf")]
    choice: Choice,
    /// How many are asked for at a time
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: u16,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

/// A client of gRPC takes answers of 4 MiB at most, if it is not told otherwise.
const ANSWERED_SIZE_MAX: u64 = 2 << 20;
/// More load than a machine like this can make: slices move because a pod drains, and for no other reason.
const MAX_LOAD_HINT_MILLI: u64 = 1_000_000_000;
/// Beside the values: what entries need, and some air.
const SPARE_MEMORY: u64 = 16 << 20;
const ASSIGN_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the move of everything may take.
const MOVE_TIMEOUT: Duration = Duration::from_secs(600);
/// How long the old pod may take to end once everything has moved.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the memory of a pod that ends is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

pub(super) async fn run(args: TransferArgs) -> Result<TransferReport, Failure> {
    let site = Site::open(&args.place).await?;
    site.create_target(DEMO_TARGET, settings(true)).await?;
    let keys = keys_of(args.size, args.objects);
    site.write(DEMO_TARGET, &keys, |key| value_of(key, args.size)).await?;
    let mut runs = Vec::new();
    for transfer in [true, false] {
        site.configure_target(DEMO_TARGET, settings(transfer)).await?;
        runs.push(replace(&site, &args, &keys, transfer).await?);
    }
    site.end().await;
    Ok(TransferReport {
        objects: args.objects,
        object_bytes: args.size,
        asks: args.asks,
        choice: args.choice.word(),
        runs,
    })
}

impl TransferArgs {
    /// The size of all objects together.
    fn bytes(&self) -> u64 {
        u64::from(self.objects) * self.size
    }
}

fn settings(transfer: bool) -> pb::TargetSettings {
    pb::TargetSettings {
        max_load_hint_milli: Some(MAX_LOAD_HINT_MILLI),
        max_replicas: Some(1),
        transfer: Some(transfer),
        ..Default::default()
    }
}

fn answered_size_from(text: &str) -> Result<u64, String> {
    match object_size_from(text)? {
        size if size <= ANSWERED_SIZE_MAX => Ok(size),
        _ => Err("an object that a pod answers with has up to 2MiB".to_owned()),
    }
}

/// Has a pod that has everything warm replaced, and says what that cost.
async fn replace(site: &Site, args: &TransferArgs, keys: &[Arc<str>], transfer: bool) -> Result<TransferRun, Failure> {
    let end = CancellationToken::new();
    let _end = end.clone().drop_guard();
    let assignment = AssignmentLog::follow(vec![site.assigner_url()], &[], &end);
    let mode = if transfer { "with" } else { "without" };
    step(&format!("warming a pod that is replaced {mode} transfer"));
    let old = Pod::start(site, args, format!("{mode}-old")).await?;
    let mut replacement = Replacement {
        site,
        args,
        keys,
        assignment,
    };
    let clients = replacement.settled(&old).await?;
    let mut before = replacement.ask(&clients, 0..keys.len()).await;
    let mut chance = SmallRng::seed_from_u64(1);
    let chooser = Chooser::new(args.choice, keys.len(), &mut chance);
    let chosen = (0..args.asks).map(|_| chooser.draw(&mut chance));
    before += replacement.ask(&clients, chosen).await;

    step("moving everything");
    let reads_before = replacement.reads()?;
    let old_steady_bytes = old.memory()?.resident_bytes;
    forget_peak(old.process.id()?)?;
    let (mut new, times) = replacement.play(&old, format!("{mode}-new")).await?;
    let old_peak_bytes = old.peak_until_end().await?;

    step("asking for each object once");
    let asked_since = Instant::now();
    let after = replacement.ask(&clients, 0..keys.len()).await;
    let asking = asked_since.elapsed();
    let (reads, new_memory) = (replacement.reads()?, new.memory()?);
    new.process.kill().await?;
    Ok(TransferRun {
        transfer,
        seconds: times.whole.as_secs_f64(),
        moving_seconds: times.moving.as_secs_f64(),
        mb_per_s: transfer.then(|| args.bytes() as f64 / 1e6 / times.moving.as_secs_f64()),
        asking_seconds: asking.as_secs_f64(),
        asked: after.asked,
        warm: after.warm,
        store_reads: reads.count - reads_before.count,
        store_bytes: reads.bytes - reads_before.bytes,
        wrong: before.wrong + after.wrong,
        failed: before.failed + after.failed,
        old_pod: PodMemory::new(old_steady_bytes, old_peak_bytes),
        new_pod: PodMemory::new(new_memory.resident_bytes, new_memory.peak_bytes),
    })
}

/// What is replaced, and how that is looked at.
struct Replacement<'a> {
    site: &'a Site,
    args: &'a TransferArgs,
    keys: &'a [Arc<str>],
    assignment: AssignmentLog,
}

/// How long it took until the new pod served everything.
struct Times {
    /// Since it was started and the old one was told to drain.
    whole: Duration,
    /// Since the first slice was on its way.
    moving: Duration,
}

impl Replacement<'_> {
    /// Waits until the pod owns everything and nothing moves; answers with clients that know it.
    async fn settled(&mut self, pod: &Pod) -> Result<Clients, Failure> {
        let owner = [pod.address.to_string()].into();
        let generation = self.assignment.owned_by(&owner, ASSIGN_TIMEOUT).await?;
        let settled = self.assignment.settled_on(&owner, Instant::now() + ASSIGN_TIMEOUT);
        let unsettled = || Failure::failed(format!("slices still moved after {ASSIGN_TIMEOUT:?}"));
        settled.await.ok_or_else(unsettled)?;
        Clients::connect(&[self.site.assigner_url()], generation).await
    }

    /// Starts the new pod and tells the old one to drain, and waits until the new one serves everything.
    async fn play(&mut self, old: &Pod, new: String) -> Result<(Pod, Times), Failure> {
        let began = Instant::now();
        let moving = async {
            let moving = self.assignment.moving(began + MOVE_TIMEOUT).await;
            let idle = || Failure::failed(format!("no slice moved within {MOVE_TIMEOUT:?}"));
            moving.map(|()| Instant::now()).ok_or_else(idle)
        };
        let drained = old.process.signal(Signal::Terminate);
        let (new, (), moving_since) = tokio::try_join!(Pod::start(self.site, self.args, new), drained, moving)?;
        let owner = [new.address.to_string()].into();
        self.assignment.owned_by(&owner, MOVE_TIMEOUT).await?;
        let times = Times {
            whole: began.elapsed(),
            moving: moving_since.elapsed(),
        };
        Ok((new, times))
    }

    /// Asks for the objects of these numbers.
    async fn ask(&self, clients: &Clients, numbers: impl Iterator<Item = usize>) -> Answers {
        let asked = numbers.map(async |number| {
            let due = Due {
                at: None,
                key: Arc::clone(&self.keys[number]),
                key_number: number,
                load_milli: 1,
            };
            let answer = clients.ask(number, &due).await;
            let is_right = |value: &[u8]| is_value_of(&due.key, self.args.size, value);
            Answers::of(answer.map(|answer| (is_right(&answer.value), answer.was_warm)))
        });
        let mut answers = stream::iter(asked).buffer_unordered(self.args.width.into());
        let mut sum = Answers::default();
        while let Some(answer) = answers.next().await {
            sum += answer;
        }
        sum
    }

    /// What all pods have read from the store so far.
    fn reads(&self) -> Result<Reads, Failure> {
        let folder = self.site.folder.reads();
        let unreadable = |error| Failure::failed(format!("cannot read {}: {error}", folder.display()));
        Reads::in_folder(&folder).map_err(unreadable)
    }
}

/// One pod of the demo service, with memory for all objects.
struct Pod {
    process: Child,
    address: SocketAddr,
}

impl Pod {
    async fn start(site: &Site, args: &TransferArgs, name: String) -> Result<Self, Failure> {
        let address = (Ipv4Addr::LOCALHOST, free_port()?).into();
        let budget = args.bytes() * 3 / 2 + SPARE_MEMORY;
        let words = [
            format!("--listen={address}"),
            format!("--budget={budget}"),
            format!("--reads={}", site.folder.reads().join(&name).display()),
        ];
        let process = Child::start(site.spec(&name, "bench-pod", words)).await?;
        Ok(Self { process, address })
    }

    fn memory(&self) -> Result<Memory, Failure> {
        Memory::of_process(self.process.id()?)
    }

    /// The most memory that the pod had, when it has ended.
    async fn peak_until_end(self) -> Result<u64, Failure> {
        let process = self.process.id()?;
        let mut peak_bytes = self.memory()?.peak_bytes;
        let watching = async {
            loop {
                sleep(LOOK_INTERVAL).await;
                if let Ok(memory) = Memory::of_process(process) {
                    peak_bytes = memory.peak_bytes;
                }
            }
        };
        tokio::select! {
            ended = self.process.ended(DRAIN_TIMEOUT) => ended?,
            () = watching => {}
        }
        Ok(peak_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_room_for_an_object() {
        assert_eq!(answered_size_from("2MiB"), Ok(2 << 20));
        assert!(answered_size_from("3MiB").is_err());
    }
}
