//! A proxy before the store that lets one request go wrong.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 503, and the store does not see it.
    Refused,
    /// 409, as AWS answers while another conditional write is under way; the store does not see it.
    Conflict,
    /// The connection breaks, and the store does not see it.
    RequestLost,
    /// The store does it, and then the connection breaks.
    ReplyLost,
    /// It stays without an answer until the connection ends; the store does not see it.
    RequestHeld,
    /// The store does it, and the answer stays away until the connection ends.
    ReplyHeld,
}

/// A running proxy. It stops when this is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    state: Mutex<State>,
    struck: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    requests: usize,
    armed: Option<(usize, Fault)>,
}

impl FaultProxy {
    /// A proxy before `upstream` that lets everything pass.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let shared =
            Arc::new(Shared { upstream, client, state: Mutex::default(), struck: watch::Sender::new(false) });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self { addr, shared, task }
    }

    /// The store's URL by way of this proxy.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Lets the request of that number (from 0) go wrong, counted from now. One only.
    pub fn arm(&self, nth: usize, fault: Fault) {
        *self.shared.state.lock().unwrap() = State { requests: 0, armed: Some((nth, fault)) };
        self.shared.struck.send_replace(false);
    }

    /// Requests since the fault was armed, or since the start.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.state.lock().unwrap().requests
    }

    /// Whether the fault has happened, or with [`Fault::RequestHeld`] and [`Fault::ReplyHeld`] is happening.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        *self.shared.struck.borrow()
    }

    /// Waits until the fault has happened.
    pub async fn struck(&self) {
        self.shared.struck.subscribe().wait_for(|struck| *struck).await.unwrap();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move { shared.pass(request).await }
        });
        // An error of the service ends the connection without an answer: the fault that was asked for.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

impl Shared {
    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, &'static str> {
        let fault = {
            let mut state = self.state.lock().unwrap();
            let number = state.requests;
            state.requests += 1;
            state.armed.take_if(|(nth, _)| *nth == number).map(|(_, fault)| fault)
        };
        let forwarded = async { self.forward(request).await.ok_or("the store is not there") };
        let Some(fault) = fault else { return forwarded.await };
        // What the store shall do, it has done before anybody hears of the fault.
        if matches!(fault, Fault::ReplyLost | Fault::ReplyHeld) {
            forwarded.await?;
        }
        self.struck.send_replace(true);
        match fault {
            Fault::Refused => Ok(error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")),
            Fault::Conflict => Ok(error(StatusCode::CONFLICT, "ConditionalRequestConflict")),
            Fault::RequestLost => Err("request lost"),
            Fault::ReplyLost => Err("reply lost"),
            Fault::RequestHeld | Fault::ReplyHeld => std::future::pending().await,
        }
    }

    /// The signature covers the host as the client named it, so that header goes on as it came. `None` where the store's
    /// connection breaks.
    async fn forward(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let (mut head, body) = request.into_parts();
        let upstream = Uri::builder().scheme("http").authority(self.upstream.to_string());
        head.uri = upstream.path_and_query(head.uri.path_and_query()?.clone()).build().ok()?;
        let body = body.collect().await.ok()?.to_bytes();
        let request = Request::from_parts(head, Full::new(body));
        let (head, body) = self.client.request(request).await.ok()?.into_parts();
        Some(Response::from_parts(head, Full::new(body.collect().await.ok()?.to_bytes())))
    }
}

/// As S3 writes its errors.
fn error(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = format!("<Error><Code>{code}</Code><Message>as the test asked</Message></Error>");
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}
