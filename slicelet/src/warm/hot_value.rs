//! A warm key with its heat, as reported to services.

/// A warm key and its heat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HotValue {
    /// The application key, as given to [`Slicelet::own`](crate::Slicelet::own).
    pub key: Vec<u8>,
    /// Recent requests for the key: a count halved once a minute.
    pub heat: u32,
}
