//! The Lambda function. Its buckets come from its events, its region and credentials from the environment that Lambda gives.
//!
//! `AWS_ENDPOINT_URL_S3` names another S3 than AWS's. `RUST_LOG` sets what is logged, `info` unless told.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tapedeck_indexer::invocation::invoke;
use tapedeck_indexer::merge::Patience;
use tapedeck_indexer::s3_store::{S3Store, client_from_env};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

// One thread: a function of one vCPU gains nothing from more, and all waiting is for the store.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env()?;
    tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false).with_env_filter(filter).init();

    let client = &client_from_env().await;
    let store_of = move |bucket: &str| S3Store::new(client.clone(), bucket);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        invoke(event.payload.get(), store_of, Patience::default()).await
    }))
    .await
}
