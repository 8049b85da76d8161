//! The contract of every store, tested with each backend: the folder, S3 over real HTTP with signatures, and moto, an
//! independent S3 server, where it is installed. Then tests specific to a folder, to S3 and to TLS.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic, as tests may")]

mod backend;
mod bucket;
mod conditions;
mod folder;
mod injected_faults;
mod listings;
mod lost_replies;
mod misbehaving_server;
mod moto;
mod reads_and_writes;
mod s3;
mod tls;
mod tls_front;

/// Runs each contract test with each backend.
macro_rules! contract {
    ($($topic:ident: $promises:tt;)+) => {
        contract!(of_a_folder, folder; $($topic: $promises;)+);
        contract!(of_s3, s3; $($topic: $promises;)+);
        contract!(of_moto, moto; $($topic: $promises;)+);
    };
    ($module:ident, $backend:ident; $($topic:ident: [$($promise:ident),+];)+) => {
        mod $module {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $promise() {
                if let Some(backend) = crate::backend::StoreBackend::$backend().await {
                    crate::$topic::$promise(backend).await;
                }
            })+)+
        }
    };
}

contract! {
    reads_and_writes: [
        a_read_sees_the_write_before_it,
        an_object_that_was_never_written_is_missing,
        a_read_of_an_unchanged_version_moves_no_bytes,
        a_deleted_object_is_missing_and_may_be_deleted_again,
        a_large_object_arrives_whole,
        unusual_keys_stay_distinct_and_are_listed_as_written,
        an_object_may_be_below_another,
        a_reader_never_sees_a_part_of_a_write,
        concurrent_creates_and_deletes_in_a_folder_do_not_interfere
    ];
    conditions: [
        of_sixteen_creators_one_wins,
        eight_writers_of_ten_increments_count_to_eighty,
        a_write_over_an_outdated_version_is_rejected,
        a_large_object_is_created_once,
        conditional_writes_are_honoured
    ];
    listings: [
        a_listing_is_ordered_and_comes_in_pages,
        a_listing_of_a_slice_contains_only_its_keys,
        a_listing_of_nothing_is_empty,
        a_range_of_more_than_one_page_is_listed_completely
    ];
}
