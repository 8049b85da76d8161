//! Channels to the pods to which requests are forwarded.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use emberkeep_core::pod::PodAddress;
use emberkeep_runtime::channel::{BadAddress, ChannelSettings, channel_to};
use tonic::transport::Channel;

/// A channel for each pod, up to [`CHANNELS_MAX`]. The least recently used one is evicted, and closes after its last request.
#[derive(Debug, Default)]
pub(super) struct PeerChannels(Mutex<ChannelPool>);

#[derive(Debug, Default)]
struct ChannelPool {
    channels: BTreeMap<PodAddress, PooledChannel>,
    use_count: u64,
}

#[derive(Debug)]
struct PooledChannel {
    channel: Channel,
    /// The pool's use count at the last use of this channel.
    used_at: u64,
}

/// Bound of the open channels.
const CHANNELS_MAX: usize = 128;

impl PeerChannels {
    /// The channel to the pod at `address`, opened if necessary.
    pub(super) fn channel_to(&self, address: &PodAddress) -> Result<Channel, BadAddress> {
        // The map is consistent even after a panic of a holder, so a poisoned mutex is usable.
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.use_count += 1;
        let used_at = pool.use_count;
        if let Some(pooled) = pool.channels.get_mut(address) {
            pooled.used_at = used_at;
            return Ok(pooled.channel.clone());
        }
        let channel = channel_to(address.as_str(), &ChannelSettings::default())?;
        if pool.channels.len() >= CHANNELS_MAX {
            pool.evict_oldest();
        }
        let pooled = PooledChannel {
            channel: channel.clone(),
            used_at,
        };
        pool.channels.insert(address.clone(), pooled);
        Ok(channel)
    }
}

impl ChannelPool {
    fn evict_oldest(&mut self) {
        let oldest = self.channels.iter().min_by_key(|(_, pooled)| pooled.used_at);
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
    async fn the_least_recently_used_channel_is_evicted_first() {
        let peers = PeerChannels::default();
        for port in 1..=CHANNELS_MAX {
            peers.channel_to(&address(port)).unwrap();
        }
        peers.channel_to(&address(1)).unwrap();
        peers.channel_to(&address(CHANNELS_MAX + 1)).unwrap();
        let pool = peers.0.into_inner().unwrap();
        assert_eq!(pool.channels.len(), CHANNELS_MAX);
        assert!(pool.channels.contains_key(&address(1)) && !pool.channels.contains_key(&address(2)));
    }
}
