//! Conversions between wire messages and plain types.
//!
//! Each message of `emberkeep.v1` has a plain type, defined in core or else here. `TryFrom<pb::X>` checks
//! every field; `From<&X> for pb::X` cannot fail.

mod assigned_slice;
mod assignment;
mod explanation;
mod invalid_message;
mod key_space;
mod keys;
mod leader_redirect;
mod load_report;
mod modes;
mod not_owner;
mod pod;
mod report;
mod session;
mod slice;
mod target_settings;
mod transfer;
mod watch;

pub use assignment::{PODS_MAX, SLICES_MAX};
pub use explanation::{asked_subject, wire_incident};
pub use invalid_message::InvalidMessage;
pub use key_space::BANDS_MAX;
pub use keys::{named_keys, range_of_text};
pub use leader_redirect::{LEADER_KEY, LeaderRedirect, leader_redirect_status};
pub use load_report::{HOTTEST_MAX, REPORTED_SLICES_MAX, SPLIT_HINTS_MAX, WINDOW_MAX};
pub use modes::{imbalance_of, key_mode_of, misroute_mode_of, ownership_mode_of, phase_of, pod_phase_of};
pub use not_owner::{NOT_OWNER_KEY, NotOwner, is_refusal, not_owner_status};
pub use pod::ZONE_LENGTH_MAX;
pub use report::PodReport;
pub use session::{FromAssigner, FromSlicelet, Heartbeat, Registration};
pub use target_settings::patched_settings;
pub use transfer::{
    BATCH_COUNT_MAX, BATCH_SIZE_MAX, ETAG_LENGTH_MAX, MANIFEST_COUNT_MAX, ManifestEntry, ManifestPage, PAGE_COUNT_MAX,
    SENT_OBJECT_SIZE_MAX, TRANSFER_MESSAGE_SIZE_MAX, TransferStart, Transferred, WarmValue,
};
pub use watch::{WATCHER_LENGTH_MAX, WatchStart, WatchUpdate};
