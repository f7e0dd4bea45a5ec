//! A real S3 server over a folder, within the test's process, that counts what it is asked and can be made to fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

const KEY: &str = "hilum-test";
const SECRET: &str = "hilum-test-secret";
pub(crate) const BUCKET: &str = "drop";

/// Serves the bucket `drop` until dropped.
pub(crate) struct S3Server {
    port: u16,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    counts: BTreeMap<&'static str, usize>,
    /// What GET is answered instead of the object.
    failing: Option<StatusCode>,
}

impl S3Server {
    pub(crate) async fn start(folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let seen = state.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (service, seen) = (service.clone(), seen.clone());
                connections.spawn(async move {
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let failure = seen.lock().unwrap().see(&request);
                        let service = service.clone();
                        async move {
                            match failure {
                                Some(status) => Ok(failed(status)),
                                None => Service::call(&service, request).await,
                            }
                        }
                    });
                    let served = Builder::new(TokioExecutor::new());
                    let served = served.serve_connection(TokioIo::new(socket), answer).await;
                    // A client that went away is no failure of the test.
                    drop(served);
                });
            }
        });
        Self { port, state, serving }
    }

    /// From now on objects can't be had but are answered so.
    pub(crate) fn fail(&self, status: Option<u16>) {
        self.state.lock().unwrap().failing = status.map(|status| StatusCode::from_u16(status).unwrap());
    }

    /// How often it was asked for a list, an object, or what it says of one, so far.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.state.lock().unwrap().counts.get(what).copied().unwrap_or_default()
    }

    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
        ]
    }

    /// The bucket as its senders and the tests see it.
    pub(crate) fn options(&self) -> Vec<(String, String)> {
        let names = ["aws_access_key_id", "aws_secret_access_key", "aws_region", "aws_endpoint"];
        let values = self.settings().into_iter().map(|(_, value)| value);
        names.into_iter().map(str::to_owned).zip(values).collect()
    }
}

impl State {
    fn see(&mut self, request: &Request<Incoming>) -> Option<StatusCode> {
        let is_list = request.uri().query().is_some_and(|query| query.contains("list-type"));
        let what = match *request.method() {
            Method::GET if is_list => "list",
            Method::GET => "get",
            Method::HEAD => "head",
            _ => "other",
        };
        *self.counts.entry(what).or_default() += 1;
        // As S3 answers, and the server in this test does not: a condition that can't be true.
        let condition = request.headers().get("if-match").map(|tag| tag.as_bytes());
        if condition == Some(b"\"precondition\"") {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
        self.failing.filter(|_| what == "get")
    }
}

fn failed(status: StatusCode) -> hyper::Response<s3s::Body> {
    let body = b"<Error><Code>Failed</Code><Key>in/Doe^Jane.dcm</Key></Error>";
    let mut response = hyper::Response::new(s3s::Body::from(Bytes::from_static(body)));
    *response.status_mut() = status;
    response
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
