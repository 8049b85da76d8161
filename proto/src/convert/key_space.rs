//! The key space in bands, to the wire only.

use emberkeep_core::assigner::{KeyBand, KeySpaceBands, OwnedHotKey};
use emberkeep_core::pod::PodName;

use crate::pb;

/// The most bands of an answer: more than a screen has columns.
pub const BANDS_MAX: usize = 1_000;

impl From<&KeySpaceBands> for pb::DescribeKeySpaceResponse {
    /// The caller adds the generation, which bands do not contain.
    fn from(picture: &KeySpaceBands) -> Self {
        Self {
            bands: picture.bands.iter().map(band).collect(),
            hottest: picture.hottest.iter().map(owned_key).collect(),
            hot_key_count: picture.hot_key_count as u64,
            ..Self::default()
        }
    }
}

fn band(band: &KeyBand) -> pb::KeyBand {
    pb::KeyBand {
        slice: Some((&band.slice).into()),
        slice_count: band.slice_count as u64,
        load_milli: band.load.milli(),
        owner: band.owner.as_ref().map(name),
        owner_count: band.owner_count as u64,
        moving_count: band.moving_count as u64,
        unserved_count: band.unserved_count as u64,
    }
}

fn owned_key(hot: &OwnedHotKey) -> pb::OwnedHotKey {
    pb::OwnedHotKey {
        slice_key: hot.key.to_bytes(),
        load_milli: hot.load.milli(),
        owners: hot.owners.iter().map(name).collect(),
    }
}

fn name(pod: &PodName) -> String {
    pod.as_str().to_owned()
}
