//! Starting processes in separate network namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use emberkeep_lab::cluster::{Addresses, ChildProcess, ProcessLauncher, ProcessSpec};
use emberkeep_lab::{DEADLINE, LabError};

use super::host::Host;
use super::wires::Wires;

/// Prints that it has a namespace, and runs the program there once it is connected.
const IN_NAMESPACE: &str = r#"echo inside; read -r _; ip -batch "$0" && exec "$@""#;

/// Starts each process at the host of its name. The namespace, and the wire to it, are removed when the process ends.
#[derive(Debug)]
pub(crate) struct NamespaceLauncher {
    wires: Arc<Wires>,
    folder: PathBuf,
}

impl NamespaceLauncher {
    pub(crate) fn new(wires: Arc<Wires>, folder: &Path) -> Self {
        Self {
            wires,
            folder: folder.to_owned(),
        }
    }
}

#[async_trait]
impl ProcessLauncher for NamespaceLauncher {
    fn addresses_of(&self, name: &str) -> Result<Addresses, LabError> {
        let host = Host::named(name);
        Ok(Addresses {
            listen: host.listen(),
            http: host.http(),
        })
    }

    async fn launch(&self, spec: ProcessSpec) -> Result<ChildProcess, LabError> {
        let host = Host::named(&spec.name);
        let configuration = self.folder.join("logs").join(format!("{}.ip", host.name));
        // Packets leave the host one by one, as on a wire, so that each can be lost or delayed separately.
        let lines = format!(
            "link set lo up\nlink set eth0 gso_max_segs 1\n{}",
            self.wires.configuration_of(&host, "eth0")
        );
        fs::write(&configuration, lines).unwrap();
        let unshare = ["--net", "sh", "-c", IN_NAMESPACE].map(str::to_owned);
        let paths = [&configuration, &spec.program].map(|path| path.display().to_string());
        let mut process = ChildProcess::spawn(ProcessSpec {
            program: "unshare".into(),
            args: unshare.into_iter().chain(paths).chain(spec.args).collect(),
            ..spec
        })?;
        let line = process.line(DEADLINE).await?;
        assert_eq!(line, "inside");
        self.wires.connect(&host, process.id()?);
        process.write_line("").await?;
        process.ready().await?;
        Ok(process)
    }
}
