//! The `tracing` targets of all spans, by which a filter decides whether they are recorded.

/// The `tracing` target of spans that are recorded below a recorded span only.
pub const PART_OF_TRACE: &str = "emberkeep::trace";

/// The `tracing` target of spans that may begin a trace: a sample of them is recorded.
pub const MAY_BEGIN_TRACE: &str = "emberkeep::trace::request";

/// The `tracing` target of spans that are always recorded: those of rare operations, and those that continue a sampled
/// trace of another process.
pub const ALWAYS_RECORDED: &str = "emberkeep::trace::always";
