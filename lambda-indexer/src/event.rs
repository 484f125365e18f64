//! What an invocation is about: the bucket's own notification, a task, or a queue's batch of messages that hold such.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>. Only the fields that are used have to be there: a person who
//! sends an object through the indexer once more needs to write no more than these.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use crate::task::Task;

/// Longest excerpt of a payload in an error, in characters.
const EXCERPT_CHARS: usize = 200;

/// Why a payload or a message says nothing that can be done. Whoever sends it can mend it.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not JSON of the form that the bucket or a queue sends.
    #[error("expected an S3 notification, a task, or an SQS batch of them, found {found}")]
    Form {
        /// The start of what came.
        found: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// Nothing to do, and not S3's test message either.
    #[error("expected at least one record of an S3 notification or an SQS batch, found {found}")]
    NoRecords {
        /// The start of what came.
        found: String,
    },
    /// A queue's records where only the bucket's belong.
    #[error("expected records with eventSource aws:s3 only, found one with aws:sqs")]
    Mixed,
    /// A key that is not text.
    #[error("key {key} is not UTF-8 after URL-decoding")]
    Key {
        /// As it came.
        key: String,
        /// Where it stops to be text.
        source: std::str::Utf8Error,
    },
}

/// An object that something happened to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Where it lies.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
}

/// What one invocation is asked to do.
#[derive(Debug)]
pub enum Event {
    /// The bucket, a schedule or a person called: it succeeds or fails as one.
    Direct(Work),
    /// A queue called: each message succeeds or fails on its own.
    Queue(Vec<Message>),
}

/// What one message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Something happened to these objects. None for the test message that S3 sends when notifications are configured.
    Objects(Vec<ObjectRef>),
    /// The function asked itself, or a schedule did.
    Task(Task),
}

/// One message of a queue's batch.
#[derive(Debug)]
pub struct Message {
    /// By which the answer names it.
    pub id: String,
    /// As it came.
    pub body: String,
    /// How often it was delivered, with this time; 1 where the queue does not say.
    pub receives: u32,
    /// What it asks for.
    pub work: Result<Work, EventError>,
}

/// What an invocation's payload asks for.
///
/// # Errors
/// [`EventError`] for a payload of another form. A queue's message of another form is an error of that [`Message`] alone.
pub fn parse_event(payload: &str) -> Result<Event, EventError> {
    let mut messages = Vec::new();
    let mut objects = Vec::new();
    let records = match parse_envelope(payload)? {
        Parsed::Task(task) => return Ok(Event::Direct(Work::Task(task))),
        Parsed::Records(records) => records,
    };
    for record in records {
        match record {
            Record::Bucket { s3 } => objects.push(s3.decode()?),
            Record::Queue { message_id, body, attributes } => {
                let work = parse_message(&body);
                let receives = attributes.receives.and_then(|n| n.parse().ok()).unwrap_or(1);
                messages.push(Message { id: message_id, body, receives, work });
            }
        }
    }
    match (messages.is_empty(), objects.is_empty()) {
        (true, _) => Ok(Event::Direct(Work::Objects(objects))),
        (false, true) => Ok(Event::Queue(messages)),
        (false, false) => Err(EventError::Mixed),
    }
}

fn parse_message(body: &str) -> Result<Work, EventError> {
    let records = match parse_envelope(body)? {
        Parsed::Task(task) => return Ok(Work::Task(task)),
        Parsed::Records(records) => records,
    };
    let decoded = records.into_iter().map(|record| match record {
        Record::Bucket { s3 } => s3.decode(),
        Record::Queue { .. } => Err(EventError::Mixed),
    });
    Ok(Work::Objects(decoded.collect::<Result<_, _>>()?))
}

enum Parsed {
    Task(Task),
    /// At least one, or none of a test message.
    Records(Vec<Record>),
}

fn parse_envelope(text: &str) -> Result<Parsed, EventError> {
    let found = || text.chars().take(EXCERPT_CHARS).collect();
    let form = |source| EventError::Form { found: found(), source };
    let envelope: Envelope = serde_json::from_str(text).map_err(form)?;
    if envelope.tapedeck.is_some() {
        return Ok(Parsed::Task(serde_json::from_str(text).map_err(form)?));
    }
    if envelope.event.as_deref() == Some("s3:TestEvent") {
        return Ok(Parsed::Records(Vec::new()));
    }
    if envelope.records.is_empty() {
        return Err(EventError::NoRecords { found: found() });
    }
    Ok(Parsed::Records(envelope.records))
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Records", default)]
    records: Vec<Record>,
    #[serde(rename = "Event")]
    event: Option<String>,
    /// Only there in a task, and says which.
    tapedeck: Option<String>,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(rename = "ApproximateReceiveCount")]
    receives: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "eventSource")]
enum Record {
    #[serde(rename = "aws:s3")]
    Bucket { s3: Entity },
    #[serde(rename = "aws:sqs", rename_all = "camelCase")]
    Queue {
        message_id: String,
        body: String,
        #[serde(default)]
        attributes: Attributes,
    },
}

#[derive(Deserialize)]
struct Entity {
    bucket: BucketEntity,
    object: ObjectEntity,
}

#[derive(Deserialize)]
struct BucketEntity {
    name: String,
}

#[derive(Deserialize)]
struct ObjectEntity {
    key: String,
}

impl Entity {
    /// Keys come as an HTML form encodes them: a space is `+`.
    fn decode(self) -> Result<ObjectRef, EventError> {
        let spaced = self.object.key.replace('+', " ");
        match percent_decode_str(&spaced).decode_utf8() {
            Ok(key) => Ok(ObjectRef { bucket: self.bucket.name, key: key.into_owned() }),
            Err(source) => Err(EventError::Key { key: self.object.key, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn s3(key: &str) -> Value {
        json!({"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}})
    }

    fn sqs(id: &str, body: &str) -> Value {
        json!({"eventSource": "aws:sqs", "messageId": id, "body": body})
    }

    fn notification(keys: &[&str]) -> String {
        json!({ "Records": keys.iter().map(|key| s3(key)).collect::<Vec<_>>() }).to_string()
    }

    fn keys(objects: &[ObjectRef]) -> Vec<&str> {
        objects.iter().map(|object| object.key.as_str()).collect()
    }

    /// The keys of a bare notification, or the error's text.
    fn check(payload: &str, expected: Result<&[&str], &str>) {
        let found = parse_event(payload).map_err(|error| error.to_string());
        match (&found, expected) {
            (Ok(Event::Direct(Work::Objects(objects))), Ok(expected)) => assert_eq!(keys(objects), expected),
            (Err(found), Err(expected)) => assert_eq!(found, expected),
            _ => panic!("{payload} gives {found:?}"),
        }
    }

    #[test]
    fn bare_notifications() {
        check(&notification(&["chunks/a", "chunks/b"]), Ok(&["chunks/a", "chunks/b"]));
        check(&notification(&["chunks/a+b/c%2Bd%3D%C3%A9.gz"]), Ok(&["chunks/a b/c+d=é.gz"]));
        check(r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#, Ok(&[]));
    }

    #[test]
    fn whole_notifications_are_understood() {
        // As AWS documents it, with all the fields that are not used.
        let payload = json!({"Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventTime": "1970-01-01T00:00:00.000Z",
            "eventName": "ObjectCreated:Put", "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"}, "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
            "s3": {"s3SchemaVersion": "1.0", "configurationId": "x",
                   "bucket": {"name": "b", "ownerIdentity": {"principalId": "A3NL1KOZZKExample"}, "arn": "arn:aws:s3:::b"},
                   "object": {"key": "chunks/a", "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6DCD90281E5"}},
        }]});
        check(&payload.to_string(), Ok(&["chunks/a"]));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        check("[1]", Err("expected an S3 notification, a task, or an SQS batch of them, found [1]"));
        check(
            r#"{"source":"aws.events"}"#,
            Err(
                r#"expected at least one record of an S3 notification or an SQS batch, found {"source":"aws.events"}"#,
            ),
        );
        check(
            r#"{"Records":[]}"#,
            Err(
                r#"expected at least one record of an S3 notification or an SQS batch, found {"Records":[]}"#,
            ),
        );
        check(&notification(&["chunks/%ff"]), Err("key chunks/%ff is not UTF-8 after URL-decoding"));
        check(
            &json!({"Records": [s3("chunks/a"), sqs("1", "")]}).to_string(),
            Err("expected records with eventSource aws:s3 only, found one with aws:sqs"),
        );
        let Err(EventError::Form { source, .. }) = parse_event(r#"{"Records":[{"eventSource":"aws:sns"}]}"#)
        else {
            panic!("SNS was accepted");
        };
        assert!(source.to_string().contains("aws:sns"), "{source}");
    }

    #[test]
    fn messages_stand_alone() {
        let batch = json!({"Records": [
            sqs("two", &notification(&["chunks/a", "chunks/b"])),
            sqs("test", r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#),
            sqs("garbage", "\u{0}garbage"),
            sqs("no key", r#"{"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"b"},"object":{}}}]}"#),
            sqs("task", r#"{"tapedeck":"sweep"}"#),
            sqs("no task", r#"{"tapedeck":"dance"}"#),
            sqs("nested", &json!({"Records": [sqs("x", "")]}).to_string()),
        ]});
        let Ok(Event::Queue(messages)) = parse_event(&batch.to_string()) else { panic!("not a batch") };
        let found: Vec<_> = messages
            .iter()
            .map(|message| {
                let keys = match &message.work {
                    Ok(Work::Objects(objects)) => Some(keys(objects)),
                    Ok(Work::Task(task)) => Some(vec![task.name()]),
                    Err(_) => None,
                };
                (message.id.as_str(), keys)
            })
            .collect();
        let expected = [
            ("two", Some(vec!["chunks/a", "chunks/b"])),
            ("test", Some(vec![])),
            ("garbage", None),
            ("no key", None),
            ("task", Some(vec!["sweep"])),
            ("no task", None),
            ("nested", None),
        ];
        assert_eq!(found, expected);
    }
}
