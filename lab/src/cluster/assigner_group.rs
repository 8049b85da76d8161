//! The members of a cluster's assigner, running and killed.

use std::path::PathBuf;
use std::sync::Arc;

use emberkeep_assigner::AssignerAdmin;
use emberkeep_assigner::raft::MemberId;
use futures::future::{join_all, try_join_all};

use super::data_folder::DataFolder;
use super::launcher::ProcessLauncher;
use super::member::{AssignerMember, MemberOptions};
use super::process::{ChildProcess, ProcessSpec};
use crate::{DEADLINE, LabError};

/// All members, and their processes.
#[derive(Debug)]
pub struct AssignerGroup {
    program: PathBuf,
    launcher: Arc<dyn ProcessLauncher>,
    members: Vec<AssignerMember>,
    /// In the order of the members; `None` for a killed one.
    processes: Vec<Option<ChildProcess>>,
}

impl AssignerGroup {
    /// A group of `count` members, none of which runs yet. A data folder has a fixed number of members, because each
    /// holds a vote.
    pub(super) fn new(
        program: PathBuf,
        launcher: Arc<dyn ProcessLauncher>,
        folder: &DataFolder,
        count: u16,
        options: MemberOptions,
    ) -> Result<Self, LabError> {
        let members = (1..=u64::from(count)).map(|id| {
            Ok(AssignerMember {
                id,
                addresses: launcher.addresses_of(&AssignerMember::name_of(id))?,
                options: options.clone(),
            })
        });
        let members = members.collect::<Result<Vec<_>, LabError>>()?;
        let found = folder.member_count()?;
        if found != 0 && found != members.len() {
            return Err(LabError::bad_input(format!(
                "data folder {} has {found} assigner members, not {count}: give --assigners {found}, or use another folder",
                folder.root().display(),
            )));
        }
        Ok(Self {
            program,
            launcher,
            processes: members.iter().map(|_| None).collect(),
            members,
        })
    }

    /// The members, running or not.
    pub fn members(&self) -> &[AssignerMember] {
        &self.members
    }

    /// The member of that id.
    pub fn member(&self, id: MemberId) -> Option<&AssignerMember> {
        self.members.iter().find(|member| member.id == id)
    }

    /// The URLs of all members.
    pub fn urls(&self) -> Vec<String> {
        self.members.iter().map(AssignerMember::url).collect()
    }

    /// A client of the admin service.
    pub fn admin(&self) -> AssignerAdmin {
        AssignerAdmin::new(self.urls(), DEADLINE)
    }

    /// Kills the member with SIGKILL.
    pub(crate) async fn kill(&mut self, id: MemberId) -> Result<(), LabError> {
        match self.slot_mut(id).take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Starts a killed member again, with its data.
    pub(crate) async fn restart(&mut self, id: MemberId, folder: &DataFolder) -> Result<(), LabError> {
        let member = self.member(id).expect("members do not change during a run");
        let process = self.launcher.launch(self.spec_of(member, folder)).await?;
        *self.slot_mut(id) = Some(process);
        Ok(())
    }

    /// Kills all members with SIGKILL, at the same time.
    pub(crate) async fn kill_all(&mut self) -> Result<(), LabError> {
        let running = self.processes.iter_mut().filter_map(Option::take);
        let killed = running.map(async |mut process| process.kill().await);
        try_join_all(killed).await.map(drop)
    }

    /// Starts all members, with their data.
    pub(crate) async fn start_all(&mut self, folder: &DataFolder) -> Result<(), LabError> {
        let specs = self.members.iter().map(|member| self.spec_of(member, folder));
        let started = try_join_all(specs.map(|spec| self.launcher.launch(spec))).await?;
        self.processes = started.into_iter().map(Some).collect();
        Ok(())
    }

    /// The processes of the running members.
    pub(super) fn running(&mut self) -> impl Iterator<Item = &mut ChildProcess> {
        self.processes.iter_mut().flatten()
    }

    pub(super) async fn end(self) {
        join_all(self.processes.into_iter().flatten().map(ChildProcess::end)).await;
    }

    fn spec_of(&self, member: &AssignerMember, folder: &DataFolder) -> ProcessSpec {
        member.spec(&self.members, folder, self.program.clone())
    }

    fn slot_mut(&mut self, id: MemberId) -> &mut Option<ChildProcess> {
        let index = self.members.iter().position(|member| member.id == id);
        &mut self.processes[index.expect("members do not change during a run")]
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::launcher::LoopbackLauncher;
    use super::*;

    #[test]
    fn a_folder_keeps_its_number_of_members() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(Some(parent.path().to_owned())).unwrap();
        let launcher = Arc::new(LoopbackLauncher);
        let group = |count| {
            AssignerGroup::new(
                PathBuf::new(),
                launcher.clone(),
                &folder,
                count,
                MemberOptions::default(),
            )
        };
        for member in group(3).unwrap().members() {
            fs::create_dir(folder.of_member(&member.name())).unwrap();
        }
        assert_eq!(group(3).unwrap().members().len(), 3);
        let Err(LabError::BadInput(sentence)) = group(1) else {
            panic!("another number of members was accepted");
        };
        assert!(
            sentence.contains("has 3 assigner members, not 1: give --assigners 3"),
            "{sentence}"
        );
    }
}
