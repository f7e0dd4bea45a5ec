//! A webhook's receiver: what it was given, by whom, and how often.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::stack::{Stack, StackOptions};

const SECRET: &str = "open sesame";

/// What the desk got, and whether it was signed with the secret.
#[derive(Debug, Clone)]
pub struct Got {
    /// The study that it is about.
    pub study: String,
    /// Such as `report-1`.
    pub matter: String,
    /// Whether it was signed with the secret of the desk.
    pub signed: bool,
    /// All of it.
    pub body: Bytes,
}

#[derive(Default)]
struct Memory {
    got: Mutex<Vec<Got>>,
    refuses: Mutex<usize>,
}

/// A target that remembers. Ends with its owner.
pub struct Desk {
    url: String,
    folder: TempDir,
    memory: Arc<Memory>,
    task: JoinHandle<()>,
}

impl Desk {
    /// Opens one that refuses the first so many reports.
    pub async fn open(refuses: usize) -> Self {
        let memory = Arc::new(Memory { refuses: Mutex::new(refuses), ..Memory::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(memory.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, folder: tempfile::tempdir().unwrap(), memory, task }
    }

    /// All it got so far, in order.
    pub fn got(&self) -> Vec<Got> {
        self.memory.got.lock().unwrap().clone()
    }

    /// The next so many reports are refused.
    pub fn refuse(&self, reports: usize) {
        *self.memory.refuses.lock().unwrap() = reports;
    }

    /// The setting by which all reports are delivered here, and a rule flags each study of which an image was read, also by
    /// the untrained demonstration model; `rest` is the rest of the rule.
    pub fn setting(&self, rest: &str) -> (&'static str, String) {
        let (file, secret) = (self.folder.path().join("targets.toml"), self.folder.path().join("secret"));
        std::fs::write(&secret, SECRET).unwrap();
        let (url, secret) = (&self.url, secret.display());
        let targets = format!(
            "[target.desk]\nkind = 'webhook'\nurl = '{url}/hooks'\nsecret_file = '{secret}'\n\
             [[rule]]\nname = 'any'\nlabel = 'Effusion'\nmeasure = 'probability'\nthreshold = 0.0\n\
             demonstration = true\n{rest}\n"
        );
        std::fs::write(&file, targets).unwrap();
        ("HILUM_TARGETS", file.display().to_string())
    }

    /// A stack with this setting.
    pub async fn stack(&self, rest: &str) -> Stack {
        let environment = vec![self.setting(rest)];
        Stack::start(StackOptions { environment, ..StackOptions::default() }).await
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(memory): State<Arc<Memory>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let matter = header("hilum-matter");
    let signed = is_signed(&header("hilum-signature"), &body);
    let study = header("hilum-study");
    memory.got.lock().unwrap().push(Got { study, matter: matter.clone(), signed, body });
    let mut refuses = memory.refuses.lock().unwrap();
    if matter.starts_with("report-") && *refuses > 0 {
        *refuses -= 1;
        return StatusCode::FORBIDDEN;
    }
    StatusCode::NO_CONTENT
}

fn is_signed(signature: &str, body: &[u8]) -> bool {
    let (time, told) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&[time.as_bytes(), b".", body].concat());
    mac.verify_slice(&hex::decode(told).unwrap()).is_ok()
}
