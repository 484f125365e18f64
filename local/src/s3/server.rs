//! The bucket on a TCP port, which can be made to refuse connections for a while.

use std::net::SocketAddr;
use std::time::Duration;

use http::header::ORIGIN;
use http::{Method, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tower::ServiceExt as _;

use super::cors;
use super::service::Bucket;

/// A running server. It stops when this is dropped.
#[derive(Debug)]
pub struct S3Server {
    addr: SocketAddr,
    pauses: mpsc::Sender<Pause>,
    task: AbortHandle,
}

struct Pause {
    duration: Duration,
    begun: oneshot::Sender<()>,
}

impl S3Server {
    /// Serves `bucket` on `listener`.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(bucket: &Bucket, listener: TcpListener) -> std::io::Result<Self> {
        let addr = listener.local_addr()?;
        let (pauses, requested) = mpsc::channel(1);
        let task = tokio::spawn(run(bucket.clone(), listener, addr, requested)).abort_handle();
        Ok(Self { addr, pauses, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The endpoint's URL, without the bucket.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Cuts every connection and refuses new ones for `duration`, as if the process were gone. Returns once it has begun.
    /// A pause during a pause begins when the first has ended.
    pub async fn pause(&self, duration: Duration) {
        let (begun, waits) = oneshot::channel();
        // The task ends only with this server, so both channels are open.
        if self.pauses.send(Pause { duration, begun }).await.is_ok() {
            let _ = waits.await;
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(bucket: Bucket, listener: TcpListener, addr: SocketAddr, mut pauses: mpsc::Receiver<Pause>) {
    let mut listener = Some(listener);
    loop {
        let open = match listener.take() {
            Some(open) => open,
            None => match TcpListener::bind(addr).await {
                Ok(open) => open,
                Err(error) => {
                    tracing::warn!(%error, %addr, "cannot listen again yet");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
        };
        let mut connections = JoinSet::new();
        let pause = loop {
            tokio::select! {
                accepted = open.accept() => match accepted {
                    Ok((stream, _)) => { connections.spawn(serve(bucket.clone(), stream)); }
                    Err(error) => tracing::warn!(%error, "cannot accept a connection"),
                },
                Some(_) = connections.join_next() => {}
                pause = pauses.recv() => break pause,
            }
        };
        let Some(pause) = pause else { return };
        drop(open);
        connections.shutdown().await;
        let _ = pause.begun.send(());
        tokio::time::sleep(pause.duration).await;
    }
}

async fn serve(bucket: Bucket, stream: tokio::net::TcpStream) {
    let s3 = bucket.service();
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let (s3, bucket) = (s3.clone(), bucket.clone());
        async move {
            let rules = &bucket.config().cloud.deployment.bucket.cors;
            if request.method() == Method::OPTIONS {
                return Ok(cors::preflight(rules, request.headers()));
            }
            let (method, origin) = (request.method().clone(), request.headers().get(ORIGIN).cloned());
            let mut reply = s3.oneshot(request).await?;
            cors::allow_reply(rules, origin.as_ref(), &method, reply.headers_mut());
            Ok::<_, s3s::HttpError>(reply)
        }
    });
    let connection = Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .into_owned();
    // A client that goes away in the middle is its own business.
    if let Err(error) = connection.await {
        tracing::debug!(error, "connection ended");
    }
}
