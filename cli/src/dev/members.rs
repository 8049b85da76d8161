//! The members of a dev cluster's assigner, and where they listen in this run.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::child::ChildSpec;
use super::data_folder::DataFolder;
use super::ports::free_port;
use crate::exit::Failure;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    id: u64,
    listen: SocketAddr,
    pub(crate) http: SocketAddr,
    /// Where it records what it is told and decides.
    record: Option<PathBuf>,
}

impl Member {
    pub(crate) fn name(&self) -> String {
        format!("assigner-{}", self.id)
    }

    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    pub(super) const fn listen(&self) -> SocketAddr {
        self.listen
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The process that runs it; `all` are the members, itself among them.
    pub(crate) fn spec(&self, all: &[Self], folder: &DataFolder) -> ChildSpec {
        let listed: Vec<String> = all
            .iter()
            .map(|member| format!("{}={}", member.id, member.url()))
            .collect();
        let mut args = vec![
            "assigner".to_owned(),
            "--with-parent".to_owned(),
            format!("--id={}", self.id),
            format!("--listen={}", self.listen),
            format!("--http={}", self.http),
            format!("--members={}", listed.join(",")),
            format!("--data={}", folder.of_member(&self.name()).display()),
        ];
        args.extend(self.record.iter().map(|file| format!("--record={}", file.display())));
        ChildSpec {
            name: self.name(),
            args,
            env: Vec::new(),
            log: folder.log_of(&self.name()),
        }
    }
}

/// So many members, at free ports. A folder that has members already keeps their number, because each of them holds a
/// vote.
pub(crate) fn members_of(folder: &DataFolder, count: u16, record: Option<&Path>) -> Result<Vec<Member>, Failure> {
    let members = (1..=u64::from(count)).map(|id| new_member(id, record));
    let members = members.collect::<Result<Vec<_>, _>>()?;
    let found = folder.member_count()?;
    if found == 0 || found == members.len() {
        return Ok(members);
    }
    Err(Failure::bad_input(format!(
        "data folder {} has {found} assigner members, not {count}: say --assigners {found}, or use another folder",
        folder.root().display(),
    )))
}

fn new_member(id: u64, record: Option<&Path>) -> Result<Member, Failure> {
    Ok(Member {
        id,
        listen: (Ipv4Addr::LOCALHOST, free_port()?).into(),
        http: (Ipv4Addr::LOCALHOST, free_port()?).into(),
        record: record.map(Path::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_keeps_the_number_of_its_members() {
        let place = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(Some(place.path().to_owned())).unwrap();
        for member in members_of(&folder, 3, None).unwrap() {
            fs::create_dir(folder.of_member(&member.name())).unwrap();
        }
        assert_eq!(members_of(&folder, 3, None).unwrap().len(), 3);
        let Err(Failure::BadInput(sentence)) = members_of(&folder, 1, None) else {
            panic!("another number of members was accepted");
        };
        assert!(
            sentence.contains("has 3 assigner members, not 1: say --assigners 3"),
            "{sentence}"
        );
    }
}
