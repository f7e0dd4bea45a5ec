//! HTTP servers that answer as they are told and keep what they got.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Default)]
struct Memory {
    got: Vec<Got>,
    script: VecDeque<(u16, &'static str)>,
}

/// Answers what its script says, one after the other, and 200 after that. Ends with its owner.
pub(crate) struct Receiver {
    pub(crate) url: String,
    memory: Arc<Mutex<Memory>>,
    held: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(script: &[(u16, &'static str)]) -> Self {
        let memory = Memory { script: script.iter().copied().collect(), ..Memory::default() };
        let memory = Arc::new(Mutex::new(memory));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let held = watch::Sender::new(false);
        let router = Router::new().fallback(answer).with_state((memory.clone(), held.subscribe()));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, memory, held, task }
    }

    /// Answers nobody as long as it is so.
    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// All requests so far.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.memory.lock().unwrap().got.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State((memory, mut held)): State<(Arc<Mutex<Memory>>, watch::Receiver<bool>)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    memory.lock().unwrap().got.push(Got { path: uri.path().to_owned(), headers, body });
    held.wait_for(|held| !held).await.unwrap();
    let (status, text) = memory.lock().unwrap().script.pop_front().unwrap_or((200, ""));
    (StatusCode::from_u16(status).unwrap(), text)
}
