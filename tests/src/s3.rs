//! A real S3 server over a folder, within the test's process.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use object_store::RetryConfig;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

const KEY: &str = "hilum-test";
const SECRET: &str = "hilum-test-secret";
const BUCKET: &str = "images";
/// Hilum does not write there.
const OTHER_BUCKET: &str = "drop";
const FAILED: &[u8] = b"<Error><Code>Failed</Code><Message>a test makes this fail</Message></Error>";

/// What the server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Mood {
    /// Everything.
    Well,
    /// It can't write.
    DiskFull,
    /// It can't read objects, and says that it is there.
    Unreadable,
}

/// Serves the buckets `images` and `drop` until dropped.
pub struct S3Server {
    port: u16,
    mood: watch::Sender<S3Mood>,
    serving: JoinHandle<()>,
}

impl S3Server {
    /// Starts to serve `folder` on a free port.
    pub async fn start(folder: &Path) -> Self {
        Self::start_on(0, folder).await
    }

    /// Starts to serve `folder` on `port`.
    pub async fn start_on(port: u16, folder: &Path) -> Self {
        for bucket in [BUCKET, OTHER_BUCKET] {
            std::fs::create_dir_all(folder.join(bucket)).unwrap();
        }
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mood, seen) = watch::channel(S3Mood::Well);
        let serving = tokio::spawn(async move {
            // Ended with this task, as the connections of a process that is gone.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (service, mood) = (service.clone(), seen.clone());
                connections.spawn(async move {
                    let connection = Builder::new(TokioExecutor::new());
                    let answer = service_fn(move |request: hyper::Request<Incoming>| {
                        let failure = mood.borrow().answer(request.method());
                        let service = service.clone();
                        async move {
                            match failure {
                                Some(status) => Ok(failed(status)),
                                None => Service::call(&service, request).await,
                            }
                        }
                    });
                    let served = connection.serve_connection(TokioIo::new(socket), answer).await;
                    // A client that went away is no failure of the test.
                    drop(served);
                });
            }
        });
        Self { port, mood, serving }
    }

    /// Changes what it can do from now on.
    pub fn set(&self, mood: S3Mood) {
        self.mood.send_replace(mood);
    }

    /// Where a server of `folder` keeps its objects.
    pub fn objects(folder: &Path) -> PathBuf {
        folder.join(BUCKET)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Address for the services.
    pub fn url() -> String {
        format!("s3://{BUCKET}")
    }

    /// A client of the bucket `drop` that sends each request once.
    pub fn other_bucket(&self) -> AmazonS3 {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(OTHER_BUCKET)
            .with_allow_http(true)
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() });
        for (name, value) in self.environment() {
            builder = builder.with_config(name.to_lowercase().parse().unwrap(), value);
        }
        builder.build().unwrap()
    }

    /// Settings for the services' environment.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

impl S3Mood {
    /// What it answers instead of doing what it is asked.
    fn answer(self, method: &Method) -> Option<StatusCode> {
        match self {
            Self::DiskFull if !matches!(*method, Method::GET | Method::HEAD) => {
                Some(StatusCode::INSUFFICIENT_STORAGE)
            }
            Self::Unreadable if *method == Method::GET => Some(StatusCode::INTERNAL_SERVER_ERROR),
            Self::Well | Self::DiskFull | Self::Unreadable => None,
        }
    }
}

fn failed(status: StatusCode) -> hyper::Response<s3s::Body> {
    let mut response = hyper::Response::new(s3s::Body::from(Bytes::from_static(FAILED)));
    *response.status_mut() = status;
    response
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
