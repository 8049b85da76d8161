//! The picture of the key space: bands of slices, and the hottest keys.

use emberkeep_core::keyspace::SliceKey;
use emberkeep_proto::pb;
use serde::Serialize;

/// The most bands of the picture: more would be thinner than a pixel on a narrow window.
pub(super) const BAND_COUNT_MAX: u32 = 600;

/// The whole key space.
#[derive(Debug, Serialize)]
pub(super) struct KeySpaceView {
    bands: Vec<BandView>,
    hottest: Vec<HotKeyView>,
    hot_key_count: u64,
}

/// A run of consecutive slices.
#[derive(Debug, Serialize)]
struct BandView {
    /// In hexadecimal, as the lookup accepts it.
    range: String,
    slice_count: u64,
    load_milli: u64,
    owner: Option<String>,
    owner_count: u64,
    moving_count: u64,
    unserved_count: u64,
}

#[derive(Debug, Serialize)]
struct HotKeyView {
    slice_key: String,
    /// The range of this key alone, for the lookup.
    range: String,
    load_milli: u64,
    owners: Vec<String>,
}

impl From<&pb::DescribeKeySpaceResponse> for KeySpaceView {
    fn from(picture: &pb::DescribeKeySpaceResponse) -> Self {
        Self {
            bands: picture.bands.iter().map(band).collect(),
            hottest: picture.hottest.iter().map(hot_key).collect(),
            hot_key_count: picture.hot_key_count,
        }
    }
}

fn band(band: &pb::KeyBand) -> BandView {
    BandView {
        range: band.slice.as_ref().map(range_text).unwrap_or_default(),
        slice_count: band.slice_count,
        load_milli: band.load_milli,
        owner: band.owner.clone(),
        owner_count: band.owner_count,
        moving_count: band.moving_count,
        unserved_count: band.unserved_count,
    }
}

fn hot_key(hot: &pb::OwnedHotKey) -> HotKeyView {
    let successor = SliceKey::try_new(&hot.slice_key).ok().and_then(|key| key.successor());
    let alone = pb::Slice {
        start: hot.slice_key.clone(),
        end: successor.map(|key| key.to_bytes()),
    };
    HotKeyView {
        slice_key: hexadecimal(&hot.slice_key),
        range: range_text(&alone),
        load_milli: hot.load_milli,
        owners: hot.owners.clone(),
    }
}

/// A range as the lookup and `emberkeep admin explain` accept it.
pub(super) fn range_text(slice: &pb::Slice) -> String {
    let end = slice.end.as_deref().map(hexadecimal).unwrap_or_default();
    format!("{}..{end}", hexadecimal(&slice.start))
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use emberkeep_proto::convert::range_of_text;

    use super::*;

    #[test]
    fn ranges_can_be_looked_up() {
        let hot = hot_key(&pb::OwnedHotKey {
            slice_key: vec![0x40, 0xff],
            ..pb::OwnedHotKey::default()
        });
        assert_eq!(hot.range, "40ff..40ff00");
        assert!(range_of_text(&hot.range).is_some());
        assert_eq!(
            range_of_text(&range_text(&pb::Slice::default())),
            Some(pb::Slice::default())
        );
    }
}
