//! The Lambda service with the real runtime client as its function: this program is both.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tapedeck_local::lambda::{Function, FunctionConfig, InvokeError};
use tapedeck_local::logs::PartLog;
use tapedeck_local::mapping::{Mapping, MappingConfig};
use tapedeck_local::queue::{Depth, Queue, QueueConfig};
use tapedeck_local::store::Store;

#[tokio::main]
async fn main() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        return be_a_function().await;
    }
    results_errors_exits_and_timeouts_are_told_apart().await;
    a_killed_function_starts_anew().await;
    a_function_that_cannot_start_says_so().await;
    failed_messages_return_until_they_succeed().await;
    println!("test result: ok. 4 passed; 0 failed");
}

async fn be_a_function() {
    if std::env::var_os("BROKEN").is_some() {
        std::process::exit(3);
    }
    lambda_runtime::run(service_fn(handle)).await.unwrap();
}

/// Does what the payload says; a batch fails for messages that were received less often than their body says.
async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let payload = event.payload;
    if let Some(records) = payload["Records"].as_array() {
        let number = |value: &Value| value.as_str().unwrap().parse::<u32>().unwrap();
        let failed: Vec<Value> = records
            .iter()
            .filter(|record| {
                number(&record["attributes"]["ApproximateReceiveCount"]) < number(&record["body"])
            })
            .map(|record| json!({"itemIdentifier": record["messageId"]}))
            .collect();
        return Ok(json!({"batchItemFailures": failed}));
    }
    match payload["do"].as_str() {
        Some("exit") => std::process::exit(7),
        Some("sleep") => tokio::time::sleep(Duration::from_hours(1)).await,
        Some("fail") => return Err("as asked".into()),
        _ => {}
    }
    let left_ms = event.context.deadline - u64::try_from(jiff::Timestamp::now().as_millisecond())?;
    Ok(json!({
        "echo": payload,
        "pid": std::process::id(),
        "left_ms": left_ms,
        "arn": event.context.invoked_function_arn,
        "setting": std::env::var("SETTING")?,
    }))
}

fn function(settings: &[(&str, &str)]) -> Function {
    let config = FunctionConfig {
        name: "test".to_owned(),
        binary: std::env::current_exe().unwrap(),
        settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        region: "eu-central-1".to_owned(),
        credentials: ("id".to_owned(), "secret".to_owned()),
        timeout: Duration::from_secs(2),
        memory_mb: 256,
        concurrency: 2,
    };
    Function::new(config, PartLog::to_stderr("function"))
}

async fn results_errors_exits_and_timeouts_are_told_apart() {
    let function = function(&[("SETTING", "kept")]);
    let result = function.invoke(&json!({"a": 1})).await.unwrap();
    assert_eq!(result["echo"], json!({"a": 1}));
    assert_eq!(result["setting"], "kept");
    assert_eq!(result["arn"], "arn:aws:lambda:eu-central-1:000000000000:function:test");
    assert!((1..=2000).contains(&result["left_ms"].as_u64().unwrap()));
    let again = function.invoke(&json!({})).await.unwrap();
    assert_eq!(again["pid"], result["pid"], "a warm environment is used again");

    let failed = function.invoke(&json!({"do": "fail"})).await.unwrap_err();
    assert!(matches!(&failed, InvokeError::Function(error) if error.error_message == "as asked"), "{failed}");
    assert_eq!(function.invoke(&json!({})).await.unwrap()["pid"], result["pid"], "an error is not an exit");

    let exited = function.invoke(&json!({"do": "exit"})).await.unwrap_err();
    assert!(matches!(exited, InvokeError::Exited(status) if status.code() == Some(7)));
    assert_ne!(function.invoke(&json!({})).await.unwrap()["pid"], result["pid"]);

    let timed_out = function.invoke(&json!({"do": "sleep"})).await.unwrap_err();
    assert!(matches!(timed_out, InvokeError::TimedOut(_)), "{timed_out}");
    assert_eq!(function.invoke(&json!({"a": 2})).await.unwrap()["echo"], json!({"a": 2}));

    let large = function.invoke(&json!("x".repeat(7 << 20))).await.unwrap_err();
    assert!(matches!(large, InvokeError::TooLarge { .. }), "{large}");
}

async fn a_killed_function_starts_anew() {
    let function = function(&[("SETTING", "")]);
    function.warm().await.unwrap();
    let busy = function.clone();
    let sleeping = tokio::spawn(async move { busy.invoke(&json!({"do": "sleep"})).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    function.kill();
    assert!(matches!(sleeping.await.unwrap(), Err(InvokeError::Exited(_))));
    assert_eq!(function.invoke(&json!(1)).await.unwrap()["echo"], 1);
}

async fn a_function_that_cannot_start_says_so() {
    let broken = function(&[("BROKEN", "1")]);
    let error = broken.invoke(&json!({})).await.unwrap_err();
    assert!(matches!(&error, InvokeError::Init(text) if text.contains("exit status: 3")), "{error}");
}

async fn failed_messages_return_until_they_succeed() {
    let config = QueueConfig { visibility: Duration::from_mins(1), receives_max: 3 };
    let queue = Queue::open(Store::in_memory().unwrap(), config).unwrap();
    for receives_needed in ["1", "2", "9"] {
        queue.send(receives_needed.to_owned(), Duration::ZERO).await.unwrap();
    }
    let function = function(&[("SETTING", "")]);
    let _mapping = Mapping::start(
        &queue,
        &function,
        &MappingConfig { batch_max: 10, window: Duration::from_millis(50), ..MappingConfig::default() },
    );
    let settled = async {
        while queue.depth().await.unwrap() != (Depth { dead: 1, ..Depth::default() }) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), settled).await.unwrap();
    let dead = queue.dead_letters().await.unwrap();
    assert_eq!(dead.iter().map(|letter| letter.body.as_str()).collect::<Vec<_>>(), ["9"]);
}
