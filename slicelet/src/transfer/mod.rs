//! The warm transfer: the new owner of a slice pulls its values from the old one, hottest first, before it is asked.
//!
//! ```text
//! old owner: WarmStore --offers--> manifest --copies--> batches        service.rs, sending.rs
//!                                     |                    |  one stream, as fast as the receiver takes it
//! new owner:                       Manifest <---------- Puller ---> WarmStore         manifest.rs, pull.rs
//!                                     | what is left           \--> object storage, when the old owner is gone
//! ```
//!
//! The receiver decides: it says what it holds, so that nothing comes twice, and takes only what would be among the hottest
//! that its memory has room for. What comes counts as far as the sender has checked it, and no further.

mod manifest;
mod pull;
mod sending;
mod service;
mod source_stream;
#[cfg(test)]
mod tests;

pub(crate) use pull::Puller;
pub(crate) use service::TransferService;
