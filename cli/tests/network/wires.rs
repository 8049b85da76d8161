//! The wires between all hosts: a bridge in the test's own namespace, and a pair of devices for each host.

use std::io::Write;
use std::process::{Command, Stdio};

use super::host::{Host, POD_SUBNET};

/// A rate that delays nothing.
const ANY_RATE: &str = "10gbit";
/// About a third of a value per second.
const NARROW_RATE: &str = "50kbit";
const DELAY: &str = "200ms";
/// Classic BPF that picks every fifth packet, by chance, of those from [`POD_SUBNET`].
const FIFTH_OF_PODS: &str = concat!(
    "7,",
    "32 0 0 4293918732,", // the source address
    "84 0 0 4294967040,", // its subnet
    "21 0 3 172818688,",  // another one than 10.77.1.0: to the last line
    "32 0 0 4294963256,", // a random number
    "53 1 0 858993459,",  // not in the lowest fifth: to the last line
    "6 0 0 4294967295,",  // picked
    "6 0 0 0",            // not picked
);

/// Wires that can be cut and degraded. Hosts observe only lost or late packets.
#[derive(Debug)]
pub(crate) struct Wires {
    hosts: Vec<Host>,
}

impl Wires {
    /// Lays wires for these hosts and the test itself.
    pub(crate) fn lay(hosts: impl IntoIterator<Item = Host>) -> Self {
        let hub = Host::hub();
        let hardware = hub.hardware_address();
        let hosts = std::iter::once(hub).chain(hosts).collect();
        let wires = Self { hosts };
        ip(&format!(
            "link set lo up\nlink add hub address {hardware} type bridge forward_delay 0\n{}",
            wires.configuration_of(&wires.hosts[0], "hub")
        ));
        wires
    }

    /// Commands for `ip` that configure the device as that of the host.
    pub(crate) fn configuration_of(&self, host: &Host, device: &str) -> String {
        let address = host.address;
        let others = self.hosts.iter().filter(|other| *other != host);
        let neighbours = others.map(|other| {
            let (address, hardware) = (other.address, other.hardware_address());
            format!("neighbour replace {address} lladdr {hardware} dev {device} nud permanent\n")
        });
        let neighbours = neighbours.collect::<String>();
        format!("link set {device} up\naddress add {address}/16 dev {device}\n{neighbours}")
    }

    /// Connects the namespace of the process, whose device is `eth0`, as that of the host.
    pub(crate) fn connect(&self, host: &Host, process: u32) {
        let (name, hardware) = (&host.name, host.hardware_address());
        ip(&format!(
            "link add {name} type veth peer name eth0 address {hardware} netns {process}\nlink set {name} master hub up"
        ));
    }

    /// Partitions the host from all others.
    pub(crate) fn cut(&self, host: &Host) {
        ip(&format!("link set {} nomaster", host.name));
    }

    /// Reconnects a host that was cut.
    pub(crate) fn mend(&self, host: &Host) {
        ip(&format!("link set {} master hub", host.name));
    }

    /// Partitions the two from each other; both still reach all others.
    pub(crate) fn separate(&self, one: &Host, other: &Host) {
        for Host { name, .. } in [one, other] {
            ip(&format!("link set {name} type bridge_slave isolated on"));
        }
    }

    /// Limits the rate in one direction, so that a value takes seconds.
    pub(crate) fn narrow(&self, one: &Host, other: &Host) -> Result<(), String> {
        let (device, source) = (&other.name, one.address);
        tc(&format!(
            "{}{}",
            class(device, NARROW_RATE),
            picked(device, &source.to_string())
        ))
    }

    /// The number of bytes sent over the limited link to the host.
    pub(crate) fn passed_narrow(&self, host: &Host) -> u64 {
        let shown = Command::new("tc")
            .args(["-s", "class", "show", "dev", &host.name])
            .output()
            .unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let mut words = shown.split_whitespace().skip_while(|word| *word != "Sent");
        words.nth(1).and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// Drops every fifth packet between pods, at random.
    pub(crate) fn lose_between(&self, pods: &[Host]) -> Result<(), String> {
        for Host { name, .. } in pods {
            tc(&format!(
                "{}qdisc add dev {name} parent 1:1 bfifo limit 1\n\
                 filter add dev {name} parent 1: protocol ip bpf bytecode \"{FIFTH_OF_PODS}\" flowid 1:1",
                class(name, ANY_RATE)
            ))?;
        }
        Ok(())
    }

    /// Delays every packet between pods by 200 ms.
    pub(crate) fn delay_between(&self, pods: &[Host]) -> Result<(), String> {
        for Host { name, .. } in pods {
            let delayed = format!("qdisc add dev {name} parent 1:1 netem delay {DELAY}\n");
            tc(&format!(
                "{}{delayed}{}",
                class(name, ANY_RATE),
                picked(name, POD_SUBNET)
            ))?;
        }
        Ok(())
    }
}

/// A class 1:1 of the device for selected packets; all others pass unchanged.
fn class(device: &str, rate: &str) -> String {
    format!(
        "qdisc add dev {device} root handle 1: htb\n\
         class add dev {device} parent 1: classid 1:1 htb rate {rate} quantum 1514\n"
    )
}

/// Selects packets from the source.
fn picked(device: &str, source: &str) -> String {
    format!("filter add dev {device} parent 1: protocol ip u32 match ip src {source} flowid 1:1\n")
}

fn ip(commands: &str) {
    batch("ip", commands).unwrap();
}

fn tc(commands: &str) -> Result<(), String> {
    batch("tc", commands)
}

/// Runs these commands with a tool of iproute2; its standard error if it failed.
fn batch(tool: &str, commands: &str) -> Result<(), String> {
    let mut command = Command::new(tool);
    let command = command
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{tool}: {error}"))?;
    child.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{tool}: {stderr}")),
    }
}
