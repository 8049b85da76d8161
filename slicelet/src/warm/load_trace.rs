//! The span of a cold load. A warm value is returned without one.

use emberkeep_runtime::trace_context::PART_OF_TRACE;
use tracing::field::Empty;
use tracing::{Span, debug_span};

/// Where a load found the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadOrigin {
    /// Another request loaded it while this one waited.
    OtherRequest,
    /// In memory, and the store confirmed that it is the newest version.
    MemoryChecked,
    /// On disk, where it was known to be the newest version.
    Disk,
    /// On disk, and the store confirmed that it is the newest version.
    DiskChecked,
    /// The store sent its newest version.
    Store,
    /// Nowhere: the store has no such object.
    NoObject,
}

impl LoadOrigin {
    /// The value of the field `origin`.
    const fn label(self) -> &'static str {
        match self {
            Self::OtherRequest => "other_request",
            Self::MemoryChecked => "memory_checked",
            Self::Disk => "disk",
            Self::DiskChecked => "disk_checked",
            Self::Store => "store",
            Self::NoObject => "no_object",
        }
    }
}

/// The span of a load by the present request.
pub(super) fn load_span() -> Span {
    debug_span!(target: PART_OF_TRACE, "emberkeep.load", origin = Empty, object_bytes = Empty)
}

/// Records in the span of the load where it found the value, and the size of the object there.
pub(super) fn record_origin(origin: LoadOrigin, size: usize) {
    let span = Span::current();
    span.record("origin", origin.label());
    span.record("object_bytes", size);
}
