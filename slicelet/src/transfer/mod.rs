//! The warm transfer: the next owner of a slice pulls its values from the present one, hottest first, before it serves.
//!
//! ```text
//! old owner: WarmStore --offers--> manifest --copies--> batches        service.rs, sending.rs
//!                                     |                    |  one stream, flow-controlled by the receiver
//! new owner:                       Manifest <---------- Puller ---> WarmStore         manifest.rs, slice_pull.rs
//!                                     | missing values         \--> object storage, when the old owner is gone
//! ```
//!
//! The receiver decides: it names the versions it holds, so that none is sent twice, and accepts values only as long as they
//! would be among the hottest that fit its memory. A transferred value is as fresh as the sender's last check, no fresher.

mod manifest;
mod puller;
mod sending;
mod service;
mod slice_pull;
mod source_stream;
#[cfg(test)]
mod tests;

pub(crate) use puller::Puller;
pub(crate) use service::TransferService;
