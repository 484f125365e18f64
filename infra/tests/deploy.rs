//! `tapedeck deploy` against moto, an emulator of AWS: what is applied, read back, changed, put back and taken away.
//!
//! `cargo xtask test deploy` runs it, with the moto and the AWS CLI that `TAPEDECK_MOTO` and `TAPEDECK_AWS` name. Cloudflare has no emulator of its account: its half is shown by `cargo xtask smoke --env NAME` in a real one.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tapedeck_infra::template::{Place, Template};
use tempfile::TempDir;

/// moto's.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";
const BUCKET: &str = "tapedeck-test-123456789012-eu-central-1";

/// Where moto is not as AWS is.
const AS_MOTO_TAKES_IT: [(&str, &str, &str); 3] = [
    // It does not know the newer word, and would delete the bucket with the stack.
    ("template.yaml", "RetainExceptOnCreate", "Retain"),
    // It gives back a list as Python writes it, `['a', 'b']`, where AWS gives back `a,b`. There is one player here.
    ("template.yaml", "Type: CommaDelimitedList", "Type: String"),
    ("template.yaml", "AllowedOrigins: !Ref PlayerOrigins", "AllowedOrigins: [!Ref PlayerOrigins]"),
];

struct Moto {
    server: Child,
    url: String,
}

impl Moto {
    fn start(log: &Path) -> Self {
        let program = std::env::var_os("TAPEDECK_MOTO").expect("TAPEDECK_MOTO names moto_server");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = fs::File::create(log).unwrap();
        let server = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let moto = Self { server, url: format!("http://127.0.0.1:{port}") };
        let until = Instant::now() + Duration::from_mins(2);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "moto does not listen");
            std::thread::sleep(Duration::from_millis(100));
        }
        moto
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Nothing is left to do if it has ended.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A project's folder, and an account to deploy it to.
struct Ground {
    folder: TempDir,
    moto: Moto,
}

#[derive(Debug)]
struct Said {
    succeeded: bool,
    out: String,
    error: String,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("aws");
        fs::create_dir_all(folder.path().join("infra/aws")).unwrap();
        for name in ["template.yaml", "artifacts.yaml"] {
            let mut text = fs::read_to_string(own.join(name)).unwrap();
            for (of, ours, for_moto) in AS_MOTO_TAKES_IT {
                assert!(name != of || text.contains(ours), "{of} does not say {ours:?}");
                text = text.replace(ours, for_moto);
            }
            fs::write(folder.path().join("infra/aws").join(name), text).unwrap();
        }
        // `deploy` looks for wrangler, and with --only-aws calls nothing of it.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let modules = fs::canonicalize(root.join("node_modules")).unwrap();
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).unwrap();
        fs::write(folder.path().join("indexer.zip"), empty_zip()).unwrap();
        let moto = Moto::start(&folder.path().join("moto.txt"));
        let ground = Self { folder, moto };
        ground.configure("ChunkDays = 14", "");
        ground
    }

    fn configure(&self, parameters: &str, more: &str) {
        let text = format!(
            "version = 1\n[environments.test]\naccount = \"{ACCOUNT}\"\nregion = \"{REGION}\"\nplayer_host = \"player.example\"\n\
            parameters = {{ {parameters} }}\n{more}\n\
            [projects.shop]\nkeys = [\"pk_0123456789ABCDEFGHIJKL\"]\norigins = [\"https://shop.example\"]\n\
            sampling = [{{ from_ms = 0, all = 1.0 }}]\n"
        );
        fs::write(self.folder.path().join("tapedeck.toml"), text).unwrap();
    }

    fn run(&self, command: &mut Command) -> Said {
        command
            .current_dir(&self.folder)
            .env("AWS_ENDPOINT_URL", &self.moto.url)
            .env("AWS_ACCESS_KEY_ID", "any")
            .env("AWS_SECRET_ACCESS_KEY", "any")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::null());
        let done = command.output().unwrap();
        Said {
            succeeded: done.status.success(),
            out: String::from_utf8(done.stdout).unwrap(),
            error: String::from_utf8(done.stderr).unwrap(),
        }
    }

    fn deploy(&self, flags: &[&str]) -> Said {
        self.run(
            Command::new(env!("CARGO_BIN_EXE_tapedeck-infra"))
                .args(["deploy", "--env", "test", "--only-aws", "--emulated", "--indexer", "indexer.zip"])
                .args(flags),
        )
    }

    fn aws_in(&self, region: &str, arguments: &[&str]) -> Value {
        let program = std::env::var_os("TAPEDECK_AWS").expect("TAPEDECK_AWS names the AWS CLI");
        let said = self.run(Command::new(program).args(arguments).args([
            "--region",
            region,
            "--output",
            "json",
            "--endpoint-url",
            &self.moto.url,
        ]));
        assert!(said.succeeded, "{arguments:?}: {}", said.error);
        if said.out.trim().is_empty() { Value::Null } else { serde_json::from_str(&said.out).unwrap() }
    }

    fn aws(&self, arguments: &[&str]) -> Value {
        self.aws_in(REGION, arguments)
    }

    /// Does by single calls what moto's CloudFormation has left out, as the template says it, so that reading back finds it as AWS words it.
    fn mend(&self) {
        let text = fs::read_to_string(self.folder.path().join("infra/aws/template.yaml")).unwrap();
        let place = Place {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            stack: "tapedeck-test".to_owned(),
        };
        let code = format!("indexer/{}.zip", "0".repeat(64));
        let given = [
            ("Environment", "test"),
            ("CodeBucket", "code"),
            ("CodeKey", code.as_str()),
            ("PlayerOrigins", "https://player.example"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let resolved = Template::parse(&text).unwrap().resolve(place, &given).unwrap();
        let of = |name: &str| resolved.resources[name].properties.clone();
        let bucket = of("Bucket");
        let list = |value: &Value| value.as_array().unwrap().clone();

        let queues: Vec<Value> = list(&bucket["NotificationConfiguration"]["QueueConfigurations"])
            .iter()
            .map(|one| {
                let rules = &one["Filter"]["S3Key"]["Rules"];
                json!({"QueueArn": one["Queue"], "Events": [one["Event"]], "Filter": {"Key": {"FilterRules": rules}}})
            })
            .collect();
        let rules: Vec<Value> = list(&bucket["LifecycleConfiguration"]["Rules"])
            .iter()
            .filter(|rule| rule["ExpirationInDays"].is_number() || rule["ExpirationInDays"].is_string())
            .map(|rule| {
                let days = &rule["ExpirationInDays"];
                let days = days.as_u64().or_else(|| days.as_str()?.parse().ok()).unwrap();
                json!({
                    "ID": rule["Id"], "Status": "Enabled", "Filter": {"Prefix": rule["Prefix"]}, "Expiration": {"Days": days}
                })
            })
            .collect();
        let cors: Vec<Value> = list(&bucket["CorsConfiguration"]["CorsRules"])
            .iter()
            .map(|rule| json!({"AllowedOrigins": rule["AllowedOrigins"], "AllowedMethods": rule["AllowedMethods"]}))
            .collect();
        let s3 = |call: &str, flag: &str, value: &Value| {
            self.aws(&["s3api", call, "--bucket", BUCKET, flag, &value.to_string()]);
        };
        // S3 wants to be able to send before it takes a notification, and so does moto.
        let url = self.aws(&["sqs", "get-queue-url", "--queue-name", "tapedeck-test-events"]);
        let policy = json!({"Policy": of("EventsPolicy")["PolicyDocument"].to_string()}).to_string();
        let url = url["QueueUrl"].as_str().unwrap();
        self.aws(&["sqs", "set-queue-attributes", "--queue-url", url, "--attributes", &policy]);
        s3(
            "put-bucket-notification-configuration",
            "--notification-configuration",
            &json!({"QueueConfigurations": queues}),
        );
        s3("put-bucket-lifecycle-configuration", "--lifecycle-configuration", &json!({"Rules": rules}));
        s3("put-bucket-cors", "--cors-configuration", &json!({"CORSRules": cors}));
        let closed = "--public-access-block-configuration";
        s3("put-public-access-block", closed, &bucket["PublicAccessBlockConfiguration"]);
        // Not the bucket's policy: moto obeys it, and what a test sends is not encrypted.
        for name in ["Sweep", "Compaction"] {
            let schedule = of(name);
            let target = &schedule["Target"];
            let target =
                json!({"Arn": target["Arn"], "RoleArn": target["RoleArn"], "Input": target["Input"]});
            self.aws(&[
                "scheduler",
                "create-schedule",
                "--name",
                schedule["Name"].as_str().unwrap(),
                "--schedule-expression",
                schedule["ScheduleExpression"].as_str().unwrap(),
                "--flexible-time-window",
                "{\"Mode\": \"OFF\"}",
                "--target",
                &target.to_string(),
            ]);
        }
    }

    fn put(&self, key: &str) {
        let file = self.folder.path().join("indexer.zip");
        let file = file.to_str().unwrap();
        self.aws(&["s3api", "put-object", "--bucket", BUCKET, "--key", key, "--body", file]);
    }

    fn buckets(&self) -> Vec<String> {
        let found = self.aws(&["s3api", "list-buckets"]);
        let names = found["Buckets"].as_array().into_iter().flatten();
        names.map(|bucket| bucket["Name"].as_str().unwrap().to_owned()).collect()
    }

    /// Names and states of the stacks that are there.
    fn stacks(&self) -> Vec<(String, String)> {
        let found = self.aws(&["cloudformation", "describe-stacks"]);
        let mut stacks: Vec<(String, String)> = found["Stacks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stack| {
                let text = |name: &str| stack[name].as_str().unwrap().to_owned();
                (text("StackName"), text("StackStatus"))
            })
            .collect();
        stacks.sort();
        stacks
    }

    fn parameter(&self, name: &str) -> String {
        let found = self.aws(&["cloudformation", "describe-stacks", "--stack-name", "tapedeck-test"]);
        let parameters = found["Stacks"][0]["Parameters"].as_array().unwrap();
        let found = parameters.iter().find(|parameter| parameter["ParameterKey"] == name).unwrap();
        found["ParameterValue"].as_str().unwrap().to_owned()
    }
}

/// The smallest zip: an end of a central directory that lists nothing.
fn empty_zip() -> Vec<u8> {
    let mut zip = b"PK\x05\x06".to_vec();
    zip.resize(22, 0);
    zip
}

fn check(said: &Said, succeeded: bool, expected: &[&str]) {
    let whole = format!("{}\n{}", said.out, said.error);
    assert_eq!(said.succeeded, succeeded, "{whole}");
    for text in expected {
        assert!(whole.contains(text), "expected {text:?} in:\n{whole}");
    }
}

#[test]
#[ignore = "needs moto and the AWS CLI"]
fn an_environment_is_made_changed_put_back_and_taken_away() {
    let ground = Ground::new();

    // A look changes nothing.
    let said = ground.deploy(&["--dry-run"]);
    check(&said, true, &["stack tapedeck-test would be created", "nothing was changed"]);
    assert!(ground.buckets().is_empty() && ground.stacks().is_empty());

    // What is applied is there.
    let said = ground.deploy(&[]);
    check(&said, true, &["→ stack tapedeck-test, new", "→ config: 2 of 2 objects written"]);
    let whole =
        ["tapedeck-test", "tapedeck-test-code"].map(|name| (name.to_owned(), "CREATE_COMPLETE".to_owned()));
    assert_eq!(ground.stacks(), whole);
    let config = ground.folder.path().join("config.json");
    let place = "config/projects/shop.json";
    ground.aws(&["s3api", "get-object", "--bucket", BUCKET, "--key", place, config.to_str().unwrap()]);
    let config: Value = serde_json::from_str(&fs::read_to_string(config).unwrap()).unwrap();
    assert_eq!((&config["revision"], &config["project"]), (&1.into(), &"shop".into()));
    // moto says "complete" and has not done these; an account that lacks them is refused.
    assert_eq!(left_out(&said), LEFT_OUT_BY_MOTO, "{}", said.out);
    ground.mend();

    // Again is a no-op, and what has been read back is right.
    let said = ground.deploy(&[]);
    assert_eq!(left_out(&said), NEVER_BY_MOTO, "{}", said.out);
    check(
        &said,
        true,
        &["tapedeck-test: as it is", "tapedeck-test-code: as it is", "→ config: 0 of 2 objects written"],
    );
    assert_eq!(ground.stacks(), whole);

    // A change is shown first, and then made.
    ground.configure("ChunkDays = 20", "");
    check(&ground.deploy(&["--dry-run"]), true, &["stack tapedeck-test would be changed"]);
    assert_eq!(ground.parameter("ChunkDays"), "14");
    check(&ground.deploy(&[]), true, &["→ stack tapedeck-test\n"]);
    assert_eq!(ground.parameter("ChunkDays"), "20");

    // A change that fails in the second region is taken back in the first.
    let second = "tapedeck-test-123456789012-us-west-2";
    let place = "LocationConstraint=us-west-2";
    ground.aws_in(
        "us-west-2",
        &["s3api", "create-bucket", "--bucket", second, "--create-bucket-configuration", place],
    );
    ground.configure("ChunkDays = 30", "[environments.test.stores.west]\nregion = \"us-west-2\"");
    let said = ground.deploy(&[]);
    check(
        &said,
        false,
        &["is there from an earlier deployment", "→ stack tapedeck-test goes back to what it was"],
    );
    assert_eq!(ground.parameter("ChunkDays"), "20");
    ground.aws_in("us-west-2", &["s3api", "delete-bucket", "--bucket", second]);

    // Recordings are not taken away by mistake.
    ground.configure("ChunkDays = 20", "");
    ground.put("chunks/shop/00/1/0");
    check(&ground.deploy(&["--destroy"]), false, &["holds recordings"]);
    assert_eq!(ground.stacks().iter().filter(|(name, _)| name.starts_with("tapedeck-test")).count(), 2);
    check(&ground.deploy(&["--destroy", "--delete-recordings", "--dry-run"]), true, &["nothing was changed"]);
    assert!(ground.buckets().contains(&BUCKET.to_owned()));
    check(&ground.deploy(&["--destroy", "--delete-recordings"]), true, &["is gone"]);
    assert!(ground.stacks().is_empty(), "{:?}", ground.stacks());
    assert!(!ground.buckets().contains(&BUCKET.to_owned()));
    check(&ground.deploy(&["--destroy"]), true, &[]);
}

#[test]
#[ignore = "needs moto and the AWS CLI"]
fn a_bucket_outlives_its_stack_and_stands_in_no_ones_way_unsaid() {
    let ground = Ground::new();
    check(&ground.deploy(&[]), true, &[]);
    check(&ground.deploy(&["--destroy"]), true, &["stays, with its config"]);
    assert_eq!(ground.buckets(), [BUCKET]);
    check(&ground.deploy(&[]), false, &["is there from an earlier deployment", "--delete-recordings"]);
    check(&ground.deploy(&["--destroy", "--delete-recordings"]), true, &["is gone"]);
    check(&ground.deploy(&[]), true, &["→ stack tapedeck-test, new"]);
}

#[test]
#[ignore = "needs moto and the AWS CLI"]
fn an_account_that_lacks_what_the_template_says_is_refused() {
    let ground = Ground::new();
    let said = ground.run(Command::new(env!("CARGO_BIN_EXE_tapedeck-infra")).args([
        "deploy",
        "--env",
        "test",
        "--only-aws",
        "--indexer",
        "indexer.zip",
    ]));
    check(&said, false, &["is not as infra/aws/template.yaml says", "notifications of the bucket"]);
}

#[test]
#[ignore = "needs moto and the AWS CLI"]
fn what_is_missing_is_said_with_what_to_do() {
    let ground = Ground::new();
    let deploy = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapedeck-infra"));
        command.args(["deploy", "--env", "test", "--only-aws", "--indexer", "indexer.zip", "--dry-run"]);
        command
    };
    // Before anything is built.
    let check_first = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapedeck-infra"));
        command.args(["check", "--env", "test", "--only-aws"]);
        command
    };
    check(&ground.run(&mut check_first()), true, &["tapedeck.toml is in order", "signed in to AWS"]);
    let said = ground.run(check_first().env("TAPEDECK_AWS", "no-such-program"));
    check(&said, false, &["there is no no-such-program; install the AWS CLI"]);

    let said = ground.run(deploy().env("TAPEDECK_AWS", "no-such-program"));
    check(&said, false, &["there is no no-such-program; install the AWS CLI", "nothing was changed"]);

    let mut command = deploy();
    command.current_dir(&ground.folder).env("AWS_ENDPOINT_URL", &ground.moto.url);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"] {
        command.env_remove(name);
    }
    command.env("HOME", ground.folder.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    let done = command.output().unwrap();
    let error = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success() && error.contains("AWS: not signed in; run `aws sso login`"), "{error}");

    let change = |from: &str, to: &str| {
        let file = ground.folder.path().join("tapedeck.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from));
        fs::write(&file, text.replace(from, to)).unwrap();
        let said = ground.run(&mut deploy());
        fs::write(&file, text).unwrap();
        said
    };
    let said = change(ACCOUNT, "999999999999");
    check(&said, false, &["these credentials are of account 123456789012, tapedeck.toml says 999999999999"]);
    let said = change(REGION, "eu-centrall");
    check(
        &said,
        false,
        &["tapedeck.toml:4: environments.test.region: \"eu-centrall\", expected a region of AWS"],
    );
    let said = change("[environments.test]", "[environments.prod]");
    check(&said, false, &["tapedeck.toml has no environment test, only prod"]);
    fs::remove_file(ground.folder.path().join("tapedeck.toml")).unwrap();
    check(&ground.run(&mut deploy()), false, &["cannot read tapedeck.toml; `cargo xtask init` writes it"]);
    fs::remove_file(ground.folder.path().join("node_modules")).unwrap();
    ground.configure("ChunkDays = 14", "");
    check(&ground.run(&mut deploy()), false, &["run `npm ci` in the project's folder"]);
}

/// What a deployment says that the emulator lacks, without the values.
fn left_out(said: &Said) -> Vec<&str> {
    let (_, rest) = said.out.split_once("left out or changed\n").unwrap_or_default();
    rest.lines()
        .take_while(|line| line.starts_with("  "))
        .map(|line| line.trim().split(':').next().unwrap_or_default())
        .collect()
}

const NEVER_BY_MOTO: [&str; 2] = ["policy of the bucket", "processor of the indexer"];
const LEFT_OUT_BY_MOTO: [&str; 11] = [
    "notifications of the bucket",
    "lifetimes in the bucket",
    "origins that may read the bucket",
    "what keeps the bucket from the public",
    "policy of the bucket",
    "policy of tapedeck-test-events",
    "processor of the indexer",
    "target of schedule tapedeck-test-compaction",
    "input of schedule tapedeck-test-compaction",
    "target of schedule tapedeck-test-sweep",
    "input of schedule tapedeck-test-sweep",
];
