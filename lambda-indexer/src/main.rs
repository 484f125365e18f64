//! The Lambda function. Region and credentials come from the environment that Lambda gives, the rest from [`Settings`].
//!
//! `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL_SQS` name other services than AWS's. `RUST_LOG` sets what is logged, `info` unless
//! told.

// The SDK's futures nest deeply, and here all of them come together.
#![recursion_limit = "256"]

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tapedeck_indexer::clock::now_ms;
use tapedeck_indexer::deadline::Deadline;
use tapedeck_indexer::invocation::{Means, invoke};
use tapedeck_indexer::merge::Patience;
use tapedeck_indexer::outbox::{SqsOutbox, queue_client_from_env};
use tapedeck_indexer::s3_store::{S3Store, client_from_env};
use tapedeck_indexer::settings::Settings;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

// One thread: a function of one vCPU gains nothing from more, and all waiting is for the store.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env()?;
    tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false).with_env_filter(filter).init();

    let settings = &Settings::from_env()?;
    let client = &client_from_env().await;
    let outbox = &SqsOutbox::new(queue_client_from_env().await, settings);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let means = Means {
            store_of: |bucket: &str| S3Store::new(client.clone(), bucket),
            outbox,
            settings,
            patience: Patience::default(),
            deadline: Deadline::at_ms(event.context.deadline),
            now_ms,
        };
        invoke(event.payload.get(), means).await
    }))
    .await
}
