//! A pod of a dev cluster as this process sees it: its process, where it is reached, and what was done to it.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::time::Instant;

use super::child::{Child, ChildSpec, Signal};
use super::link::{Links, Way};
use super::ports::free_port;
use crate::exit::Failure;

/// One pod of the demo service.
#[derive(Debug)]
pub(super) struct PodProcess {
    pub(super) process: Child,
    /// Where clients reach it.
    pub(super) address: SocketAddr,
    pub(super) http: SocketAddr,
    /// What its traffic passes, where it is to be cut.
    links: Option<Links>,
    /// What it is under.
    spell: Option<Spell>,
}

/// What takes a pod out of action for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spell {
    /// It got SIGSTOP.
    Halted,
    /// Its links are cut.
    CutOff,
}

/// A pod that was told to drain.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) process: Child,
    /// Its last answers pass them.
    _links: Option<Links>,
    deadline: Instant,
}

impl PodProcess {
    /// Starts a pod of that specification, told where to listen and where the assigner is. With links, clients reach it
    /// and it reaches the assigner through them.
    pub(super) async fn start(
        mut spec: ChildSpec,
        assigners: Vec<String>,
        to_leader: Option<Way>,
    ) -> Result<Self, Failure> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let http = (Ipv4Addr::LOCALHOST, free_port()?).into();
        let (mut address, mut assigners, mut links) = (listen, assigners, None);
        if let Some(to_leader) = to_leader {
            let new = Links::none();
            address = new.add(Way::To(listen)).await?;
            assigners = vec![format!("http://{}", new.add(to_leader).await?)];
            links = Some(new);
        }
        spec.args.extend([
            format!("--listen={listen}"),
            format!("--advertise={address}"),
            format!("--http={http}"),
        ]);
        spec.args
            .extend(assigners.iter().map(|url| format!("--assigner={url}")));
        Ok(Self {
            process: Child::start(spec).await?,
            address,
            http,
            links,
            spell: None,
        })
    }

    pub(super) fn name(&self) -> &str {
        self.process.name()
    }

    pub(super) const fn is_in_action(&self) -> bool {
        self.spell.is_none()
    }

    /// Takes it out of action.
    pub(super) async fn strike(&mut self, spell: Spell) -> Result<(), Failure> {
        self.spell = Some(spell);
        match spell {
            Spell::Halted => self.process.signal(Signal::Stop).await,
            Spell::CutOff => {
                self.links.iter().for_each(Links::cut);
                Ok(())
            }
        }
    }

    /// Ends the spell it is under.
    pub(super) async fn bring_back(&mut self) -> Result<(), Failure> {
        match self.spell.take() {
            Some(Spell::Halted) => self.process.signal(Signal::Continue).await,
            Some(Spell::CutOff) => {
                self.links.iter().for_each(Links::mend);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Tells it to drain, and to have ended by the deadline.
    pub(super) async fn drain(self, deadline: Instant) -> Result<Leaving, Failure> {
        self.process.signal(Signal::Terminate).await?;
        Ok(Leaving {
            process: self.process,
            _links: self.links,
            deadline,
        })
    }

    /// Lets process and links end.
    pub(super) async fn end(self) {
        self.process.end().await;
        if let Some(links) = self.links {
            links.end().await;
        }
    }
}

impl Leaving {
    /// The complaint, if the pod ended with an error, or has not ended in time.
    pub(super) fn complaint(&mut self) -> Option<Failure> {
        if let Some(failure) = self.process.unexpected_end() {
            return Some(failure);
        }
        let is_late = Instant::now() > self.deadline;
        is_late.then(|| self.process.complaint("drains and has not ended in time"))
    }
}
