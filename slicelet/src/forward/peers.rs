//! The channels to pods that requests were sent on to.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use emberkeep_core::pod::PodAddress;
use emberkeep_runtime::channel::{BadAddress, ChannelSettings, channel_to};
use tonic::transport::Channel;

/// A channel for each pod; when there are too many, the one that was used longest ago goes, and ends with its last
/// request.
#[derive(Debug, Default)]
pub(super) struct Peers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    channels: BTreeMap<PodAddress, Kept>,
    use_count: u64,
}

#[derive(Debug)]
struct Kept {
    channel: Channel,
    /// How many uses of any channel there had been when this one was used last.
    used_at: u64,
}

/// More channels than this are not kept.
const CHANNELS_MAX: usize = 128;

impl Peers {
    /// The channel to the pod there.
    pub(super) fn channel_to(&self, address: &PodAddress) -> Result<Channel, BadAddress> {
        // The map is whole whatever a holder was doing when it panicked.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.use_count += 1;
        let used_at = known.use_count;
        if let Some(kept) = known.channels.get_mut(address) {
            kept.used_at = used_at;
            return Ok(kept.channel.clone());
        }
        let channel = channel_to(address.as_str(), &ChannelSettings::default())?;
        if known.channels.len() >= CHANNELS_MAX {
            known.forget_one();
        }
        let kept = Kept {
            channel: channel.clone(),
            used_at,
        };
        known.channels.insert(address.clone(), kept);
        Ok(channel)
    }
}

impl Known {
    fn forget_one(&mut self) {
        let oldest = self.channels.iter().min_by_key(|(_, kept)| kept.used_at);
        if let Some(address) = oldest.map(|(address, _)| address.clone()) {
            self.channels.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: usize) -> PodAddress {
        PodAddress::try_new(&format!("127.0.0.1:{port}")).unwrap()
    }

    #[tokio::test]
    async fn the_channel_that_was_used_longest_ago_goes_first() {
        let peers = Peers::default();
        for port in 1..=CHANNELS_MAX {
            peers.channel_to(&address(port)).unwrap();
        }
        peers.channel_to(&address(1)).unwrap();
        peers.channel_to(&address(CHANNELS_MAX + 1)).unwrap();
        let known = peers.0.into_inner().unwrap();
        assert_eq!(known.channels.len(), CHANNELS_MAX);
        assert!(known.channels.contains_key(&address(1)) && !known.channels.contains_key(&address(2)));
    }
}
