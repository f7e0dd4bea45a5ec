//! A real S3 server over a folder, within the test's process.

use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

const KEY: &str = "hilum-test";
const SECRET: &str = "hilum-test-secret";
const BUCKET: &str = "images";

/// Serves the bucket `images` until dropped.
pub struct S3Server {
    port: u16,
    serving: JoinHandle<()>,
}

impl S3Server {
    /// Starts to serve `folder` on a free port.
    pub async fn start(folder: &Path) -> Self {
        Self::start_on(0, folder).await
    }

    /// Starts to serve `folder` on `port`.
    pub async fn start_on(port: u16, folder: &Path) -> Self {
        std::fs::create_dir_all(folder.join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            // Ended with this task, as the connections of a process that is gone.
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                connections.spawn(async move {
                    let connection = Builder::new(TokioExecutor::new());
                    let served = connection.serve_connection(TokioIo::new(socket), service).await;
                    // A client that went away is no failure of the test.
                    drop(served);
                });
            }
        });
        Self { port, serving }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Address for the services.
    pub fn url() -> String {
        format!("s3://{BUCKET}")
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

impl Drop for S3Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
