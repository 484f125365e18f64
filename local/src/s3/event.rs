//! The notification that S3 sends when an object was created.
//!
//! Reference: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use jiff::Timestamp;
use serde_json::{Value, json};

use super::objects::ObjectMeta;

/// The event for one object that was created by `event`: `Put` or `Copy`.
#[must_use]
pub fn object_created(bucket: &str, region: &str, event: &str, key: &str, meta: &ObjectMeta) -> Value {
    let at = i64::try_from(meta.modified_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let at = at.unwrap_or(Timestamp::MAX);
    let sequencer = meta.sequencer;
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "eventName": format!("ObjectCreated:{event}"),
        "userIdentity": {"principalId": "AWS:LOCAL"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {
            "x-amz-request-id": format!("{sequencer:016X}"),
            "x-amz-id-2": format!("{sequencer:032x}"),
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "tapedeck",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "LOCAL"},
                "arn": format!("arn:aws:s3:::{bucket}"),
            },
            "object": {
                "key": encode_key(key),
                "size": meta.size,
                "eTag": meta.etag,
                "sequencer": format!("{sequencer:016X}"),
            },
        },
    }]})
}

/// What S3 sends once, when a bucket's notifications are set up.
#[must_use]
pub fn test_event(bucket: &str) -> Value {
    json!({
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "Bucket": bucket,
        "RequestId": "0000000000000000",
        "HostId": "00000000000000000000000000000000",
    })
}

/// A key as events write it: form-encoded, a space as `+`, slashes kept.
fn encode_key(key: &str) -> String {
    let segments: Vec<String> =
        key.split('/').map(|segment| form_urlencoded::byte_serialize(segment.as_bytes()).collect()).collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::encode_key;

    #[test]
    fn keys_are_form_encoded_between_slashes() {
        assert_eq!(encode_key("chunks/a b/c+d=é.gz"), "chunks/a+b/c%2Bd%3D%C3%A9.gz");
    }
}
