//! The Lambda service, as a function sees it: execution environments with the Runtime API, one invocation at a time each.
//!
//! The function is the real binary. Where AWS differs: an environment is never frozen between invocations, memory is not
//! limited, and environments live until they fail or the service stops.

mod runtime_api;

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

pub use self::runtime_api::FunctionError;
use self::runtime_api::RuntimeApi;
use crate::logs::PartLog;
use crate::process::Process;

/// For how long a function may start up, as on AWS.
const INIT_MAX: Duration = Duration::from_secs(10);
/// A synchronous request and its response are at most this large, as on AWS.
const PAYLOAD_BYTES_MAX: usize = 6 << 20;
/// The longest wait before a function that failed to start is started again.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// What to run and how.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// Its name.
    pub name: String,
    /// The program, as it would be uploaded as `bootstrap`.
    pub binary: PathBuf,
    /// Its settings: environment variables, over those that the service sets.
    pub settings: Vec<(String, String)>,
    /// The region it believes to run in.
    pub region: String,
    /// The access key of its role: id and secret.
    pub credentials: (String, String),
    /// An invocation that takes longer fails, and its environment is killed.
    pub timeout: Duration,
    /// What it is told of its memory.
    pub memory_mb: u32,
    /// Environments at most, and so invocations at once.
    pub concurrency: usize,
}

/// Why an invocation has no result.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function reported an error.
    #[error("the function failed with {}: {}", .0.error_type, .0.error_message)]
    Function(FunctionError),
    /// The function's process ended in the middle.
    #[error("the function's process ended during the invocation: {0}")]
    Exited(ExitStatus),
    /// It took too long and was killed.
    #[error("the function was killed after {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The function did not get as far as asking for work.
    #[error("the function did not start: {0}")]
    Init(String),
    /// The request is larger than AWS allows.
    #[error("payload is {found} bytes, limit is {max}")]
    TooLarge {
        /// Bytes of the payload.
        found: usize,
        /// What is allowed.
        max: usize,
    },
    /// The response is not JSON.
    #[error("the function's response is not JSON")]
    Response(#[source] serde_json::Error),
    /// The machine refused something.
    #[error("cannot run the function")]
    Io(#[from] std::io::Error),
}

/// A deployed function. Clones share it; its processes end with the last one.
#[derive(Clone, Debug)]
pub struct Function {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: FunctionConfig,
    log: Arc<PartLog>,
    free: Mutex<Free>,
    permits: Semaphore,
    /// Told when every process shall be killed.
    kills: Notify,
}

#[derive(Debug, Default)]
struct Free {
    environments: Vec<Environment>,
    /// Starts that failed in a row.
    failures: u32,
}

/// A process with its own Runtime API, which ends with it: a late request of a dead process cannot take a new one's work.
#[derive(Debug)]
struct Environment {
    process: Process,
    api: RuntimeApi,
}

impl Function {
    /// Deploys the function; nothing runs yet. Its output, and a line for each invocation, goes to `log`.
    #[must_use]
    pub fn new(config: FunctionConfig, log: Arc<PartLog>) -> Self {
        let permits = Semaphore::new(config.concurrency);
        let shared = Shared { config, log, free: Mutex::default(), permits, kills: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// What it was deployed with.
    #[must_use]
    pub fn config(&self) -> &FunctionConfig {
        &self.shared.config
    }

    /// Starts one environment, so that a function that cannot start is known before work comes.
    ///
    /// # Errors
    /// [`InvokeError::Init`] or [`InvokeError::Io`].
    pub async fn warm(&self) -> Result<(), InvokeError> {
        let environment = self.shared.start().await?;
        self.shared.lock().environments.push(environment);
        Ok(())
    }

    /// Hands `payload` to the function and waits for its result. Waits for its turn when all environments are busy.
    ///
    /// # Errors
    /// [`InvokeError`]; except for [`InvokeError::TooLarge`], the function may have done part or all of its work.
    pub async fn invoke(&self, payload: &Value) -> Result<Value, InvokeError> {
        let payload = Bytes::from(payload.to_string());
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(InvokeError::TooLarge { found: payload.len(), max: PAYLOAD_BYTES_MAX });
        }
        let shared = Arc::clone(&self.shared);
        // On a task of its own: an invocation goes on when its caller stops waiting, as on AWS.
        let task = tokio::spawn(async move {
            let _permit = shared.permits.acquire().await;
            shared.invoke(payload).await
        });
        match task.await {
            Ok(response) => serde_json::from_slice(&response?).map_err(InvokeError::Response),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Kills every process of the function, also in the middle of an invocation. The next invocation starts a new one.
    pub fn kill(&self) {
        self.shared.lock().environments.clear();
        self.shared.kills.notify_waiters();
    }
}

impl Shared {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let killed = self.kills.notified();
        let mut environment = match self.idle()? {
            Some(environment) => environment,
            None => self.start().await?,
        };
        let begun = Instant::now();
        let timeout = self.config.timeout;
        let (id, reply) = environment.api.begin(payload, timeout);
        let result = tokio::select! {
            // What was answered counts, even where the process ended at once after it.
            biased;
            reply = reply => match reply {
                Ok(reply) => reply.map_err(InvokeError::Function),
                Err(_) => Err(InvokeError::Exited(environment.process.kill().await?)),
            },
            status = environment.process.wait() => Err(InvokeError::Exited(status?)),
            () = killed => Err(InvokeError::Exited(environment.process.kill().await?)),
            () = tokio::time::sleep(timeout) => {
                environment.process.kill().await?;
                Err(InvokeError::TimedOut(timeout))
            }
        };
        let outcome = match &result {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        self.log
            .line(&format!("REPORT RequestId: {id} Duration: {} ms {outcome}", begun.elapsed().as_millis()));
        if matches!(result, Ok(_) | Err(InvokeError::Function(_))) {
            self.lock().environments.push(environment);
        }
        result
    }

    /// An environment that waits for work, the latest used first. Those that died meanwhile are said to be gone.
    fn idle(&self) -> Result<Option<Environment>, InvokeError> {
        loop {
            let Some(mut environment) = self.lock().environments.pop() else { return Ok(None) };
            match environment.process.exited()? {
                None => return Ok(Some(environment)),
                Some(status) => {
                    tracing::warn!(function = self.config.name, %status, "the function ended while it was idle");
                }
            }
        }
    }

    async fn start(&self) -> Result<Environment, InvokeError> {
        let failures = self.lock().failures;
        if let Some(shift) = failures.checked_sub(1) {
            let wait = Duration::from_millis(200) * 2_u32.saturating_pow(shift);
            tokio::time::sleep(wait.min(BACKOFF_MAX)).await;
        }
        let started = self.try_start().await;
        let mut free = self.lock();
        free.failures = if started.is_ok() { 0 } else { failures.saturating_add(1) };
        drop(free);
        started
    }

    async fn try_start(&self) -> Result<Environment, InvokeError> {
        let api = RuntimeApi::start(&self.config).await?;
        let mut process = Process::start(self.command(&api), &self.log)?;
        tokio::select! {
            biased;
            ready = api.ready() => ready.map_err(|error| {
                InvokeError::Init(format!("{}: {}", error.error_type, error.error_message))
            })?,
            status = process.wait() => return Err(InvokeError::Init(format!("its process ended: {}", status?))),
            () = tokio::time::sleep(INIT_MAX) => {
                return Err(InvokeError::Init(format!("it asked for no work within {} s", INIT_MAX.as_secs())));
            }
        }
        Ok(Environment { process, api })
    }

    /// The variables are those of <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>.
    fn command(&self, api: &RuntimeApi) -> Command {
        let config = &self.config;
        let mut command = Command::new(&config.binary);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "en_US.UTF-8")
            .env("TZ", ":UTC")
            .env("_HANDLER", "bootstrap")
            .env("AWS_LAMBDA_RUNTIME_API", api.addr().to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &config.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", config.memory_mb.to_string())
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", config.name))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .env("AWS_REGION", &config.region)
            .env("AWS_DEFAULT_REGION", &config.region)
            .env("AWS_ACCESS_KEY_ID", &config.credentials.0)
            .env("AWS_SECRET_ACCESS_KEY", &config.credentials.1)
            .envs(config.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
