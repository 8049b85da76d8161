//! One member of the assigner, and the start of its process.

use std::path::PathBuf;

use emberkeep_assigner::raft::MemberId;

use super::data_folder::DataFolder;
use super::launcher::Addresses;
use super::process::ProcessSpec;

/// A member and its addresses in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignerMember {
    pub(super) id: MemberId,
    /// Its listen addresses on the host of its launcher.
    pub addresses: Addresses,
    pub(super) options: MemberOptions,
}

/// The options that all members share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct MemberOptions {
    /// The file to which a member records its events and decisions.
    pub(super) record: Option<PathBuf>,
    /// The flags for the export of telemetry.
    pub(super) telemetry: Vec<String>,
}

impl AssignerMember {
    /// The name of the member of that id.
    pub(super) fn name_of(id: MemberId) -> String {
        format!("assigner-{id}")
    }

    /// The name of its process, log and data folder.
    pub fn name(&self) -> String {
        Self::name_of(self.id)
    }

    /// The URL for pods, clerks and operators.
    pub fn url(&self) -> String {
        format!("http://{}", self.addresses.listen)
    }

    /// The URL of its page.
    pub fn page_url(&self) -> String {
        format!("http://{}/", self.addresses.http)
    }

    /// Its process, with the buttons of the page enabled: nobody else uses the cluster. `all` are the members of the group, this one included.
    pub(super) fn spec(&self, all: &[Self], folder: &DataFolder, program: PathBuf) -> ProcessSpec {
        let listed: Vec<String> = all
            .iter()
            .map(|member| format!("{}={}", member.id, member.url()))
            .collect();
        let mut args = vec![
            "assigner".to_owned(),
            "--with-parent".to_owned(),
            format!("--id={}", self.id),
            format!("--listen={}", self.addresses.listen),
            format!("--http={}", self.addresses.http),
            "--page-commands".to_owned(),
            format!("--members={}", listed.join(",")),
            format!("--data={}", folder.of_member(&self.name()).display()),
        ];
        let MemberOptions { record, telemetry } = &self.options;
        args.extend(record.iter().map(|file| format!("--record={}", file.display())));
        args.extend(telemetry.iter().cloned());
        ProcessSpec {
            name: self.name(),
            program,
            args,
            env: Vec::new(),
            log: folder.log_of(&self.name()),
        }
    }
}
