//! What every store promises, asked of each backend: the folder, S3 over real HTTP with signatures, and S3 as a server
//! of others' making understands it (moto, where it is installed).
#![allow(clippy::unwrap_used)]

mod conditions;
mod faults;
mod folder;
mod listings;
mod lost_replies;
mod moto;
mod place;
mod reads_and_writes;
mod s3;
mod stand_in;
mod tls;
mod tls_front;

/// Makes each promise a test of each place.
macro_rules! contract {
    ($($topic:ident: $promises:tt;)+) => {
        contract!(of_a_folder, folder; $($topic: $promises;)+);
        contract!(of_s3, s3; $($topic: $promises;)+);
        contract!(of_moto, moto; $($topic: $promises;)+);
    };
    ($module:ident, $place:ident; $($topic:ident: [$($promise:ident),+];)+) => {
        mod $module {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $promise() {
                if let Some(place) = crate::place::Place::$place().await {
                    crate::$topic::$promise(place).await;
                }
            })+)+
        }
    };
}

contract! {
    reads_and_writes: [
        a_read_sees_the_write_before_it,
        what_was_never_written_is_missing,
        a_read_of_the_version_at_hand_moves_no_bytes,
        a_deleted_object_is_missing_and_may_be_deleted_again,
        a_large_object_arrives_whole,
        odd_keys_keep_apart_and_come_back,
        an_object_may_lie_below_another,
        a_reader_never_sees_a_part_of_a_write,
        neighbours_come_and_go_without_harm
    ];
    conditions: [
        of_sixteen_creators_one_wins,
        eight_writers_of_ten_increments_count_to_eighty,
        a_version_that_is_gone_is_not_written,
        a_large_object_is_created_once,
        conditional_writes_are_honoured
    ];
    listings: [
        a_listing_is_ordered_and_comes_in_pages,
        a_listing_of_a_slice_holds_its_keys_only,
        a_listing_of_nothing_is_empty,
        a_range_of_more_than_one_page_is_listed_whole
    ];
}
