//! What is wrong in `infra/aws/template.yaml` shows here, since the stack on one machine is made from it: a recording travels through
//! the template as it is, and each of many small mistakes in it stops the recording at the step that it spoils.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use tapedeck_core::object_key::manifest_key;
use tapedeck_core::store::{NewObject, Store as _};
use tapedeck_local::mapping::{Mapping, MappingConfig};
use tapedeck_local::queue::QueueConfig;
use tapedeck_tests::recording::{chunk, project, session};
use tapedeck_tests::{BUCKET, PLAYER, Stack, cloud, template};

/// How long a step may take before it counts as one that does not happen.
const PATIENCE: Duration = Duration::from_secs(6);
const DAY_MS: u64 = 86_400_000;

/// A recording's way through a stack that is made from `template`. The step that fails, or nothing.
async fn travel(template: &str) -> Result<(), String> {
    let cloud = cloud(template).map_err(|error| format!("refused: {error:#}"))?;
    if !cloud.may_poll() {
        return Err("poll".to_owned());
    }
    let config = MappingConfig { window: Duration::from_millis(50), ..cloud.mapping() };
    let stack = Stack::of(cloud, QueueConfig { receives_max: 2, ..QueueConfig::default() }).await;
    let indexer = stack.indexer(&stack.server.endpoint(), 1);
    let _mapping = Mapping::start(&stack.queue, &indexer, &config);

    let session = session(1);
    let recorded = chunk(&session, "a1B2c3D4", 0);
    let key = recorded.key.to_string();
    let object =
        NewObject { body: &recorded.body, content_type: "application/gzip", metadata: &recorded.metadata };
    stack.store("edge").await.create(&key, object).await.map_err(|_| "store")?;

    let edge = stack.client("edge").await;
    let other = chunk(&session, "a1B2c3D4", 1).key.to_string();
    let replaced = edge.put_object().bucket(BUCKET).key(&other).body(Vec::new().into()).send().await;
    if replaced.is_ok() {
        return Err("the edge could overwrite".to_owned());
    }

    let begun = Instant::now();
    while stack.manifest(&session).await.is_none() {
        if begun.elapsed() > PATIENCE {
            return Err("manifest".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    edge.get_object().bucket(BUCKET).key(&key).send().await.map_err(|_| "read")?;
    edge.list_objects_v2().bucket(BUCKET).prefix("chunks/").send().await.map_err(|_| "list")?;

    let preflight = Client::new()
        .request(Method::OPTIONS, format!("{}/{BUCKET}/{key}", stack.server.endpoint()))
        .header("origin", PLAYER)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "range");
    if !preflight.send().await.unwrap().status().is_success() {
        return Err("preflight".to_owned());
    }

    // What cannot be done comes again and ends as a dead letter. It is never taken for done. Here: a manifest by rules that are newer
    // than this indexer.
    let newer = self::session(2);
    let manifest = String::from_utf8(stack.manifest(&session).await.unwrap()).unwrap();
    let manifest =
        manifest.replace(&session.to_string(), &newer.to_string()).replacen("\"core\":", "\"core\":9", 1);
    let manifest = NewObject { body: manifest.as_bytes(), content_type: "application/json", metadata: &[] };
    stack.store("indexer").await.create(&manifest_key(&project(), &newer), manifest).await.unwrap();
    let recorded = chunk(&newer, "a1B2c3D4", 0);
    let object =
        NewObject { body: &recorded.body, content_type: "application/gzip", metadata: &recorded.metadata };
    stack.store("edge").await.create(&recorded.key.to_string(), object).await.unwrap();
    let begun = Instant::now();
    while stack.queue.depth().await.unwrap().dead == 0 {
        if begun.elapsed() > PATIENCE {
            return Err("dead letter".to_owned());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let written_ms = stack.bucket.get(&key).await.unwrap().unwrap().0.modified_ms;
    stack.bucket.expire(written_ms + 14 * DAY_MS - 1).await.unwrap();
    stack.bucket.get(&key).await.unwrap().ok_or("expired too early")?;
    stack.bucket.expire(written_ms + 16 * DAY_MS).await.unwrap();
    if stack.bucket.get(&key).await.unwrap().is_some() || stack.manifest(&session).await.is_some() {
        return Err("lives for ever".to_owned());
    }
    Ok(())
}

#[tokio::test]
async fn a_recording_travels_through_the_template_as_it_is() {
    assert_eq!(travel(&template()).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_template_stops_it() {
    let mistakes: [(&str, &str, &str); 13] = [
        ("Value: chunks/", "Value: chunk/", "manifest"),
        ("Event: s3:ObjectCreated:*", "Event: s3:ObjectCreated:Copy", "manifest"),
        ("BatchSize: 100", "BatchSize: 100\n      Enabled: false", "manifest"),
        (
            "${Bucket}/manifests/*\"\n                  - !Sub \"arn:${AWS::Partition}:s3:::${Bucket}/quarantine/*",
            "${Bucket}/manifest/*\"\n                  - !Sub \"arn:${AWS::Partition}:s3:::${Bucket}/quarantine/*",
            "manifest",
        ),
        (
            "${Bucket}/chunks/*\"\n                  - !Sub \"arn:${AWS::Partition}:s3:::${Bucket}/manifests/*",
            "${Bucket}/chunks\"\n                  - !Sub \"arn:${AWS::Partition}:s3:::${Bucket}/manifests/*",
            "manifest",
        ),
        ("s3:if-none-match: \"true\"", "s3:if-none-match: \"false\"", "store"),
        (
            "Action: s3:PutObject\n            Resource: !Sub",
            "Action: s3:PutObjectAcl\n            Resource: !Sub",
            "the edge could overwrite",
        ),
        (
            "Sid: FindNewChunks\n            Effect: Allow",
            "Sid: FindNewChunks\n            Effect: Deny",
            "list",
        ),
        ("aws:SecureTransport: \"false\"", "aws:SecureTransport: \"true\"", "store"),
        ("AllowedHeaders: [range]", "AllowedHeaders: []", "preflight"),
        ("AllowedMethods: [GET, HEAD]", "AllowedMethods: [HEAD]", "preflight"),
        ("FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes: []", "dead letter"),
        (
            "Prefix: chunks/\n            ExpirationInDays",
            "Prefix: chunk/\n            ExpirationInDays",
            "lives for ever",
        ),
    ];
    let template = template();
    let tried: Vec<_> = mistakes
        .into_iter()
        .map(|(right, wrong, expected)| {
            assert!(template.contains(right), "the template has no {right:?}");
            let changed = template.replacen(right, wrong, 1);
            // Boxed: each of them is large, unoptimised.
            let travels = Box::pin(async move { travel(&changed).await });
            (wrong, expected, tokio::spawn(travels))
        })
        .collect();
    for (wrong, expected, travelled) in tried {
        assert_eq!(travelled.await.unwrap(), Err(expected.to_owned()), "{wrong}");
    }
}
