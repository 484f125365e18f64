//! Every store by one suite: in memory, the local S3 server by the indexer's client and by the edge's, and a real bucket by both when
//! `TAPEDECK_TEST_S3_BUCKET`, `…_ACCESS_KEY_ID` and `…_SECRET_ACCESS_KEY` name one (also `…_SESSION_TOKEN`, `…_REGION`, and `…_ENDPOINT`
//! if it is not AWS's). What AWS does is the reference.

#![allow(clippy::unwrap_used)]

mod stores;
mod suite;

use stores::{edge_local, edge_real, local, memory, real};

/// One test for each store and case.
macro_rules! conformance {
    ($($case:ident)+) => {
        conformance!(@store memory $($case)+);
        conformance!(@store local $($case)+);
        conformance!(@store real $($case)+);
        conformance!(@store edge_local $($case)+);
        conformance!(@store edge_real $($case)+);
    };
    (@store $store:ident $($case:ident)+) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    if let Some(subject) = super::$store().await {
                        super::suite::$case(&subject).await;
                        super::stores::Subject::clean(&subject).await;
                    }
                }
            )+
        }
    };
}

conformance! {
    what_is_written_is_read
    what_is_absent_is_none
    every_byte_survives
    a_large_object_survives
    metadata_survives
    every_key_survives
    reading_is_bounded
    of_many_creators_one_wins
    what_exists_is_not_created_again
    what_was_removed_can_be_created
    a_version_is_replaced_once
    of_many_replacers_one_wins
    what_is_gone_is_not_replaced
    counting_by_replacing_loses_nothing
    listings_are_in_byte_order
    listings_begin_behind_a_key
    listings_are_bounded
    long_listings_are_read_page_by_page
}
