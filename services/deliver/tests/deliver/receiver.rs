//! HTTP servers that answer as they are told and keep what they got.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Default)]
struct Memory {
    got: Vec<Got>,
    script: VecDeque<(u16, String)>,
    headers: HeaderMap,
    /// What is done once, with the next request.
    next: Option<Box<dyn FnOnce() + Send>>,
}

/// Answers what its script says, one after the other, and 200 after that. Ends with its owner.
pub(crate) struct Receiver {
    pub(crate) url: String,
    memory: Arc<Mutex<Memory>>,
    held: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(script: &[(u16, &str)]) -> Self {
        Self::start_with(script, &[]).await
    }

    /// All answers have these headers.
    pub(crate) async fn start_with(script: &[(u16, &str)], headers: &[(&str, &str)]) -> Self {
        let header = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let headers: HeaderMap = headers.iter().map(header).collect();
        let script = script.iter().map(|(status, text)| (*status, (*text).to_owned())).collect();
        let memory = Memory { script, headers, ..Memory::default() };
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

    /// Does this when the next request is there, before it is answered.
    pub(crate) fn on_request(&self, act: impl FnOnce() + Send + 'static) {
        self.memory.lock().unwrap().next = Some(Box::new(act));
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
) -> (StatusCode, HeaderMap, String) {
    memory.lock().unwrap().got.push(Got { path: uri.path().to_owned(), headers, body, at: Instant::now() });
    let act = memory.lock().unwrap().next.take();
    if let Some(act) = act {
        act();
    }
    held.wait_for(|held| !held).await.unwrap();
    let answers = memory.lock().unwrap().headers.clone();
    let (status, text) = memory.lock().unwrap().script.pop_front().unwrap_or((200, String::new()));
    (StatusCode::from_u16(status).unwrap(), answers, text)
}
