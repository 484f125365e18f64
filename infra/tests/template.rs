//! What the templates promise, whatever else they say.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tapedeck_infra::deployment::{Deployment, When};
use tapedeck_infra::iam::{Access, Call, Caller, Policies};
use tapedeck_infra::template::{Place, Resolved, Template};

fn read(name: &str) -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("aws").join(name);
    Template::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn place(region: &str) -> Place {
    Place { account: "123456789012".to_owned(), region: region.to_owned(), stack: "tapedeck-test".to_owned() }
}

fn parameters(changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let code = format!("indexer/{}.zip", "0".repeat(64));
    let mut parameters: BTreeMap<String, String> = [
        ("Environment", "test"),
        ("CodeBucket", "code"),
        ("CodeKey", code.as_str()),
        ("PlayerOrigins", "https://player.example"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    parameters.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    parameters
}

/// The template with everything in it that it can have.
fn whole() -> Resolved {
    let given = parameters(&[("AlarmEmail", "ops@example.com"), ("PlayerHosting", "cloudfront")]);
    read("template.yaml").resolve(place("eu-central-1"), &given).unwrap()
}

fn artifacts() -> Resolved {
    let given = [("Environment".to_owned(), "test".to_owned())].into();
    read("artifacts.yaml").resolve(place("eu-central-1"), &given).unwrap()
}

fn deployment(changes: &[(&str, &str)]) -> Deployment {
    Deployment::read(&read("template.yaml"), place("eu-central-1"), &parameters(changes)).unwrap()
}

/// Each policy document with the logical name of the resource that it lies in.
fn documents(resolved: &Resolved) -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for (name, resource) in &resolved.resources {
        let properties = &resource.properties;
        let inline =
            properties["Policies"].as_array().into_iter().flatten().map(|policy| &policy["PolicyDocument"]);
        let own = [&properties["PolicyDocument"], &properties["AssumeRolePolicyDocument"]];
        for document in inline.chain(own).filter(|document| document.is_object()) {
            documents.push((name.clone(), document.clone()));
        }
    }
    documents
}

fn statements(resolved: &Resolved) -> Vec<(String, Value)> {
    documents(resolved)
        .into_iter()
        .flat_map(|(name, document)| {
            let statements = document["Statement"].as_array().unwrap().clone();
            statements.into_iter().map(move |statement| (name.clone(), statement))
        })
        .collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn nothing_is_public() {
    for resolved in [whole(), artifacts()] {
        for (name, bucket) in resolved.of_kind("AWS::S3::Bucket") {
            for block in ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]
            {
                assert_eq!(
                    bucket.properties["PublicAccessBlockConfiguration"][block], true,
                    "{name} {block}"
                );
            }
            let ownership = &bucket.properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"];
            assert_eq!(ownership, "BucketOwnerEnforced", "{name}");
            assert!(bucket.properties.get("AccessControl").is_none(), "{name}");
            assert!(bucket.properties["BucketEncryption"].is_object(), "{name} is not encrypted");
            // Old versions would outlive an erasure.
            assert!(bucket.properties.get("VersioningConfiguration").is_none(), "{name} keeps versions");
        }
        for (name, statement) in statements(&resolved) {
            if statement["Effect"] == "Allow" {
                assert_ne!(statement["Principal"], "*", "{name} {statement}");
                assert_ne!(statement["Principal"]["AWS"], "*", "{name} {statement}");
            }
        }
    }
}

#[test]
fn no_permission_has_a_wildcard_where_a_name_can_be() {
    for (name, statement) in statements(&whole()) {
        if statement["Effect"] != "Allow" {
            continue;
        }
        for action in texts(&statement["Action"]) {
            assert!(!action.contains('*'), "{name} allows {action}");
        }
        for resource in texts(&statement["Resource"]) {
            let (_, resource) = resource.split_once(":::").or_else(|| resource.rsplit_once(':')).unwrap();
            // A prefix of keys ends in `/*`, a log group's streams in `:*`; a whole bucket is nobody's.
            let named = resource.strip_suffix("/*").unwrap_or(resource);
            let is_bounded = named.contains('/') || named == resource || name == "PlayerFilesPolicy";
            assert!(is_bounded && (!named.contains('*') || named == "*"), "{name} on {resource}");
        }
    }
}

#[test]
fn each_permission_has_a_reason() {
    for resolved in [whole(), artifacts()] {
        for (name, document) in documents(&resolved) {
            let reasons = &resolved.resources[&name].metadata["Reasons"];
            for statement in document["Statement"].as_array().unwrap() {
                let sid = statement["Sid"].as_str().unwrap();
                let is_trust = statement["Action"] == "sts:AssumeRole";
                assert!(
                    is_trust || reasons[sid].as_str().is_some_and(|reason| reason.len() > 20),
                    "{name} {sid}"
                );
            }
        }
    }
}

#[test]
fn each_suppression_has_a_reason() {
    for resolved in [whole(), artifacts()] {
        for (name, resource) in &resolved.resources {
            for skip in resource.metadata["checkov"]["skip"].as_array().into_iter().flatten() {
                assert!(skip["comment"].as_str().is_some_and(|comment| comment.len() > 20), "{name} {skip}");
            }
        }
    }
}

#[test]
fn each_prefix_that_is_written_has_a_lifetime_or_a_reason() {
    let resolved = whole();
    let deployment = deployment(&[]);
    let without = resolved.resources["Bucket"].metadata["WithoutLifetime"].as_object().unwrap();
    let mut prefixes: Vec<String> = vec!["config/".to_owned()];
    for grant in Policies::read(&resolved).unwrap().grants() {
        let bucket = format!("{}/", deployment.bucket.arn);
        if let ("s3:PutObject", Some(keys)) = (grant.action.as_str(), grant.resource.strip_prefix(&bucket)) {
            prefixes.push(keys.trim_end_matches('*').to_owned());
        }
    }
    assert!(prefixes.len() >= 10, "{prefixes:?}");
    for prefix in prefixes {
        if prefix == "archive/" {
            for class in ["30d", "90d", "180d", "365d"] {
                let days = deployment.bucket.days(&format!("archive/{class}/x"));
                assert_eq!(format!("{}d", days.unwrap()), class);
            }
            assert!(without.contains_key("archive/pinned/"));
            assert_eq!(deployment.bucket.days("archive/pinned/x"), None);
            continue;
        }
        let lives = deployment.bucket.days(&format!("{prefix}x"));
        assert_ne!(
            lives.is_some(),
            without.contains_key(&prefix),
            "{prefix} has {lives:?} and a reason, or neither"
        );
    }
}

#[test]
fn each_queue_has_dead_letters_and_is_long_enough() {
    let resolved = whole();
    let deployment = deployment(&[]);
    for (name, queue) in resolved.of_kind("AWS::SQS::Queue") {
        assert_eq!(queue.properties["SqsManagedSseEnabled"], true, "{name}");
        let is_last = queue.properties.get("RedriveAllowPolicy").is_some();
        assert!(is_last || queue.properties["RedrivePolicy"]["deadLetterTargetArn"].is_string(), "{name}");
    }
    let redrive = deployment.events.redrive.as_ref().unwrap();
    assert_eq!(redrive.target, deployment.dead_letters.arn);
    assert!(redrive.receives_max >= 5, "AWS advises at least 5");
    // A dead letter's age counts from when it was first sent.
    assert!(deployment.dead_letters.retention > deployment.events.retention);
    let longest = Duration::from_mins(5);
    assert!(deployment.events.visibility >= deployment.indexer.timeout * 6 + longest);
    for (_, schedule) in resolved.of_kind("AWS::Scheduler::Schedule") {
        assert_eq!(schedule.properties["Target"]["DeadLetterConfig"]["Arn"], redrive.target.as_str());
    }
}

#[test]
fn the_edge_creates_and_never_overwrites_or_deletes() {
    let deployment = deployment(&[]);
    let check = |action: &str, key: &str, creates: bool, expected: bool| {
        let resource = format!("{}/{key}", deployment.bucket.arn);
        let mut context = vec![("aws:securetransport", "true".to_owned())];
        context.extend(creates.then(|| ("s3:if-none-match", "*".to_owned())));
        let call = Call { caller: &deployment.edge, action, resource: &resource, context: &context };
        assert_eq!(deployment.policies.decide(&call).is_allowed(), expected, "{action} {key} {creates}");
    };
    for prefix in ["chunks", "requests", "audit"] {
        check("s3:PutObject", &format!("{prefix}/x"), true, true);
        check("s3:PutObject", &format!("{prefix}/x"), false, false);
        check("s3:DeleteObject", &format!("{prefix}/x"), false, false);
    }
    for prefix in ["config", "manifests", "index", "archive", "pins", "erasures", "usage"] {
        check("s3:PutObject", &format!("{prefix}/x"), true, false);
        check("s3:DeleteObject", &format!("{prefix}/x"), false, false);
    }
    check("s3:GetObject", "chunks/x", false, true);
    check("s3:GetObject", "audit/x", false, false);
    check("s3:GetObject", "pins/x", false, false);
}

#[test]
fn signed_urls_end_and_nothing_travels_in_the_clear() {
    let deployment = deployment(&[]);
    let resource = format!("{}/chunks/x", deployment.bucket.arn);
    let decide = |context: &[(&str, String)]| {
        let caller = &deployment.edge;
        deployment.policies.decide(&Call { caller, action: "s3:GetObject", resource: &resource, context })
    };
    let secure = |is: &str| ("aws:securetransport", is.to_owned());
    let age = |ms: u32| ("s3:signatureage", ms.to_string());
    assert!(decide(&[secure("true"), age(900_000)]).is_allowed());
    let denied = |sid: &str| Access::Denied("BucketPolicy".to_owned(), sid.to_owned());
    assert_eq!(decide(&[secure("true"), age(960_001)]), denied("SignedUrlsAreShort"));
    assert_eq!(decide(&[secure("false")]), denied("OnlyEncryptedConnections"));
}

#[test]
fn strangers_may_nothing() {
    let deployment = deployment(&[]);
    let stranger = Caller::Identity("arn:aws:iam::123456789012:user/somebody".to_owned());
    let s3 = Caller::Service("s3.amazonaws.com".to_owned());
    let bucket_key = format!("{}/chunks/x", deployment.bucket.arn);
    let context = [
        ("aws:securetransport", "true".to_owned()),
        ("aws:sourceaccount", "123456789012".to_owned()),
        ("aws:sourcearn", "arn:aws:s3:::another-bucket".to_owned()),
    ];
    let check = |caller: &Caller, action: &str, resource: &str| {
        let access = deployment.policies.decide(&Call { caller, action, resource, context: &context });
        assert_eq!(access, Access::NotAllowed, "{caller:?} {action}");
    };
    check(&stranger, "s3:GetObject", &bucket_key);
    check(&stranger, "sqs:SendMessage", &deployment.events.arn);
    check(&s3, "sqs:SendMessage", &deployment.events.arn);
}

#[test]
fn deletion_keeps_what_was_recorded() {
    let resolved = whole();
    let bucket = &resolved.resources["Bucket"];
    assert_eq!(bucket.deletion_policy.as_deref(), Some("RetainExceptOnCreate"));
    assert_eq!(bucket.update_replace_policy.as_deref(), Some("Retain"));
    for (name, resource) in resolved.resources.iter().filter(|(name, _)| *name != "Bucket") {
        assert!(resource.deletion_policy.as_deref().is_none_or(|policy| policy == "Delete"), "{name}");
    }
}

#[test]
fn each_parameter_has_a_description_and_a_rule() {
    for (name, parameter) in read("template.yaml").parameters() {
        assert!(parameter.description.len() > 20 && parameter.has_rule(), "{name}");
    }
}

#[test]
fn what_a_deployment_does_is_what_the_architecture_says() {
    let deployment = deployment(&[]);
    let announced: Vec<&str> =
        deployment.bucket.notifications.iter().map(|notification| notification.prefix.as_str()).collect();
    assert_eq!(announced, ["chunks/", "requests/"]);
    assert_eq!(deployment.bucket.days("chunks/x"), Some(14));
    assert_eq!(deployment.bucket.days("manifests/x"), Some(14));
    assert_eq!(deployment.bucket.cors[0].allowed_origins, ["https://player.example"]);
    assert!(deployment.mapping.enabled && deployment.mapping.reports_failures);
    assert_eq!(deployment.mapping.window, Duration::from_secs(20));
    let whens: Vec<When> = deployment.schedules.iter().map(|schedule| schedule.when).collect();
    assert_eq!(whens, [When::Every(Duration::from_hours(1)), When::Daily { hour: 3, minute: 20 }]);
}

/// What `player/headers.json` asks for each path is what CloudFront's policy for that path sends.
#[test]
fn cloudfront_sends_the_players_headers() {
    let resolved = whole();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let template: Value =
        serde_json::from_str(&std::fs::read_to_string(root.join("player/headers.json")).unwrap()).unwrap();
    let (_, site) = resolved.of_kind("AWS::CloudFront::Distribution").next().unwrap();
    let site = &site.properties["DistributionConfig"];
    for (path, own) in template.as_object().unwrap() {
        if path == "/assets/*" {
            // What is put there says so itself, `Cache-Control` of the objects.
            continue;
        }
        let behaviour = match path.as_str() {
            "/*" => &site["DefaultCacheBehavior"],
            path => {
                let mut all = site["CacheBehaviors"].as_array().unwrap().iter();
                all.find(|behaviour| behaviour["PathPattern"] == path).unwrap_or_else(|| panic!("{path}"))
            }
        };
        let policy = behaviour["ResponseHeadersPolicyId"].as_str().unwrap().rsplit('-').next().unwrap();
        let policy = &resolved.resources[policy].properties["ResponseHeadersPolicyConfig"];
        let mut expected = template["/*"].as_object().unwrap().clone();
        expected.extend(own.as_object().unwrap().clone());
        for (name, value) in &expected {
            let security = &policy["SecurityHeadersConfig"];
            let custom = policy["CustomHeadersConfig"]["Items"].as_array().unwrap().iter();
            let sent = match name.as_str() {
                // By a parameter that deploy takes from the same file.
                "Content-Security-Policy" => continue,
                "X-Content-Type-Options" if security["ContentTypeOptions"].is_object() => "nosniff",
                "Referrer-Policy" => security["ReferrerPolicy"]["ReferrerPolicy"].as_str().unwrap(),
                "Access-Control-Allow-Origin" => {
                    policy["CorsConfig"]["AccessControlAllowOrigins"]["Items"][0].as_str().unwrap()
                }
                name => {
                    let mut custom = custom;
                    let item = custom.find(|item| item["Header"] == name);
                    item.and_then(|item| item["Value"].as_str())
                        .unwrap_or_else(|| panic!("{path}: no {name}"))
                }
            };
            assert_eq!(sent, value.as_str().unwrap(), "{path} {name}");
        }
    }
}

/// Everything that AWS lets carry tags gets those of its stack: `deploy` gives them to it. The exceptions are named, so that a new kind is looked up.
#[test]
fn every_resource_carries_the_stacks_tags_or_cannot() {
    // `tagging.taggable` of each kind's schema: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    const TAGGED: [&str; 12] = [
        "AWS::Budgets::Budget",
        "AWS::CloudFront::Distribution",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::IAM::Role",
        "AWS::IAM::User",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    ];
    const WITHOUT: [&str; 7] = [
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::IAM::UserPolicy",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::S3::BucketPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::Schedule",
    ];
    for resolved in [whole(), artifacts()] {
        for (name, resource) in &resolved.resources {
            let kind = resource.kind.as_str();
            assert!(
                TAGGED.contains(&kind) != WITHOUT.contains(&kind),
                "{name} is a {kind}: look up its tags"
            );
        }
    }
}

/// What an environment costs in a month without a visitor. List prices of us-east-1, and what every account has free for good (not the first
/// year's), November 2026: <https://aws.amazon.com/free/>.
#[test]
fn an_idle_environment_costs_less_than_ten_cents() {
    const HOURS: f64 = 730.0;
    // Billed by what is done with them, and nothing is done.
    const BY_USE: [&str; 18] = [
        "AWS::Budgets::Budget",
        "AWS::CloudFront::Distribution",
        "AWS::CloudFront::OriginAccessControl",
        "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::IAM::Role",
        "AWS::IAM::User",
        "AWS::IAM::UserPolicy",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::Scheduler::Schedule",
        "AWS::CloudWatch::Alarm",
    ];
    let resolved = whole();
    let resources = || {
        resolved
            .resources
            .iter()
            .chain(&artifacts().resources)
            .map(|(_, of)| of.kind.clone())
            .collect::<Vec<_>>()
    };
    for kind in resources() {
        assert!(
            BY_USE.contains(&kind.as_str()) || kind == "AWS::CloudWatch::Dashboard",
            "{kind} may cost by the hour: look it up"
        );
    }
    let count = |kind: &str| {
        f64::from(u32::try_from(resources().iter().filter(|found| *found == kind).count()).unwrap())
    };

    let calls: f64 = deployment(&[])
        .schedules
        .iter()
        .map(|schedule| match schedule.when {
            When::Every(every) => HOURS * 3600.0 / every.as_secs_f64(),
            When::Daily { .. } => HOURS / 24.0,
        })
        .sum();
    let memory_gb = f64::from(deployment(&[]).indexer.memory_mb) / 1024.0;
    // Lambda asks a queue five at a time, for 20 s each.
    let receives = count("AWS::Lambda::EventSourceMapping") * 5.0 * HOURS * 3600.0 / 20.0;
    // `tests/maintenance.rs` holds an idle schedule to so many requests. Its log is a line of half a KB and Lambda's own three. Programs in their
    // bucket: five versions of 15 MB.
    let (lists, reads) = (2.0, 2.0);
    let bill = [
        ("alarms", count("AWS::CloudWatch::Alarm"), 0.10, 10.0),
        ("dashboards", count("AWS::CloudWatch::Dashboard"), 3.0, 3.0),
        // `lambda-indexer/src/metrics.rs` names no more.
        ("metrics", 10.0, 0.30, 10.0),
        ("requests to the queue", receives, 0.40e-6, 1e6),
        ("invocations", calls, 0.20e-6, 1e6),
        ("seconds of them", calls * 0.5 * memory_gb, 0.000_013_333_4, 400_000.0),
        ("schedules' calls", calls, 1e-6, 14e6),
        ("lists of the bucket", calls * lists, 5e-6, 0.0),
        ("reads of the bucket", calls * reads, 0.4e-6, 0.0),
        ("GB of logs", calls * 1e-6, 0.50, 5.0),
        ("GB of programs and config", 0.075, 0.023, 0.0),
    ];
    let list: f64 = bill.iter().map(|(_, count, price, _)| count * price).sum();
    let due: f64 = bill.iter().map(|(_, count, price, free)| (count - free).max(0.0) * price).sum();
    for (what, count, price, free) in bill {
        println!("{what}: {count:.1} × ${price} = ${:.3}, of which free {free}", count * price);
    }
    assert!(due < 0.10, "${due:.3} a month, ${list:.2} at list prices");
}

#[test]
fn environments_and_regions_live_side_by_side() {
    let template = read("template.yaml");
    let names = |region: &str, changes: &[(&str, &str)]| {
        let resolved = template.resolve(place(region), &parameters(changes)).unwrap();
        let property = |resource: &str, name: &str| {
            resolved
                .resources
                .get(resource)
                .and_then(|found| found.properties[name].as_str())
                .map(str::to_owned)
        };
        [
            property("Bucket", "BucketName"),
            property("EdgeUser", "UserName"),
            property("EdgePolicy", "PolicyName"),
            property("Budget", "BudgetName"),
        ]
    };
    let first = names("eu-central-1", &[]);
    let staging = names("eu-central-1", &[("Environment", "staging")]);
    // A further region of the same environment: the edge's one user gets a second policy.
    let second = names("us-east-1", &[("EdgeUserName", "tapedeck-test-edge")]);
    assert_eq!(first[1].as_deref(), Some("tapedeck-test-edge"));
    assert_eq!(second[1], None);
    for other in [&staging, &second] {
        for (mine, theirs) in
            first.iter().zip(other).filter(|(mine, theirs)| mine.is_some() && theirs.is_some())
        {
            assert!(
                mine != theirs || mine.as_deref() == Some("tapedeck-test-eu-central-1"),
                "{mine:?} {theirs:?}"
            );
        }
    }
    let edge = Caller::Identity("arn:aws:iam::123456789012:user/tapedeck-test-edge".to_owned());
    let resolved =
        template.resolve(place("us-east-1"), &parameters(&[("EdgeUserName", "tapedeck-test-edge")])).unwrap();
    let policies = Policies::read(&resolved).unwrap();
    let resource = "arn:aws:s3:::tapedeck-test-123456789012-us-east-1/chunks/x";
    let decide = |creates: bool| {
        let mut context = vec![("aws:securetransport", "true".to_owned())];
        context.extend(creates.then(|| ("s3:if-none-match", "*".to_owned())));
        policies
            .decide(&Call { caller: &edge, action: "s3:PutObject", resource, context: &context })
            .is_allowed()
    };
    assert!(decide(true));
    assert!(!decide(false), "the second region's bucket holds the edge to creating, too");
}

#[test]
fn a_template_that_aws_would_refuse_is_refused() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("aws/template.yaml")).unwrap();
    let check = |from: &str, to: &str, expected: &str| {
        assert!(text.contains(from), "{from}");
        let changed = Template::parse(&text.replacen(from, to, 1))
            .map_err(|error| error.to_string())
            .and_then(|template| {
                Deployment::read(&template, place("eu-central-1"), &parameters(&[]))
                    .map_err(|error| error.to_string())
            });
        assert_eq!(changed.map(|_| ()), Err(expected.to_owned()));
    };
    check(
        "Service: s3.amazonaws.com",
        "Service: sns.amazonaws.com",
        "Bucket: S3 may not send to arn:aws:sqs:eu-central-1:123456789012:tapedeck-test-events",
    );
    check(
        "Action: [sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes]",
        "Action: [sqs:ReceiveMessage, sqs:GetQueueAttributes]",
        "IndexerEvents: the role of the indexer may not sqs:DeleteMessage",
    );
    check(
        "VisibilityTimeout: 1020",
        "VisibilityTimeout: 60",
        "IndexerEvents: the queue's visibility is 60 s, expected at least the function's timeout of 120 s",
    );
    check("!GetAtt Indexer.Arn", "!GetAtt Indexr.Arn", "Sweep.Target.Arn.Fn::GetAtt: there is no Indexr");
    check(
        "MessageRetentionPeriod: 345600",
        "DelaySecs: 345600",
        "Events.DelaySecs: unknown field `DelaySecs`, expected one of `QueueName`, `VisibilityTimeout`, `MessageRetentionPeriod`, `SqsManagedSseEnabled`, `RedrivePolicy`, `RedriveAllowPolicy`",
    );
    check(
        "AllowedOrigins: !Ref PlayerOrigins",
        "AllowedOrigins: !Split [',', !Ref PlayerOrigins]",
        "Bucket.CorsConfiguration.CorsRules.0.AllowedOrigins.Fn::Split: the function Fn::Split is not known here",
    );
}
