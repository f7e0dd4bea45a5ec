//! Reports and flags reach who is to be told; what was given up is redriven or discarded by an operator.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode as Status};
use hilum_events::{Event, Sha256Digest};
use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions, Upload};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::StatusCode;
use serde_json::Value;
use sha2::Sha256;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::steps::{dead_letters, decide, has_facts, upload};

const SECRET: &str = "open sesame";

/// What a webhook got, and whether it was signed with the secret.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) matter: String,
    pub(crate) signed: bool,
    pub(crate) body: Bytes,
}

#[derive(Default)]
struct Memory {
    got: Mutex<Vec<Got>>,
    refuses: Mutex<usize>,
}

/// A webhook's receiver; refuses the first so many reports. Ends with its owner.
pub(crate) struct Desk {
    url: String,
    memory: Arc<Memory>,
    task: JoinHandle<()>,
}

impl Desk {
    pub(crate) async fn open(refuses: usize) -> Self {
        let memory = Arc::new(Memory { refuses: Mutex::new(refuses), ..Memory::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(memory.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, memory, task }
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.memory.got.lock().unwrap().clone()
    }

    /// The next so many reports are refused.
    fn refuse(&self, reports: usize) {
        *self.memory.refuses.lock().unwrap() = reports;
    }

    /// A stack that delivers here and flags every study of which an image was read.
    pub(crate) async fn stack(&self, actions: &str) -> (Stack, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let (file, secret) = (folder.path().join("targets.toml"), folder.path().join("secret"));
        std::fs::write(&secret, SECRET).unwrap();
        let (url, secret) = (&self.url, secret.display());
        let targets = format!(
            "[target.desk]\nkind = 'webhook'\nurl = '{url}/hooks'\nsecret_file = '{secret}'\n\
             [[rule]]\nname = 'any'\nlabel = 'Effusion'\nmeasure = 'probability'\nthreshold = 0.0\n{actions}\n"
        );
        std::fs::write(&file, targets).unwrap();
        let environment = vec![("HILUM_TARGETS", file.display().to_string())];
        (Stack::start(StackOptions { environment, ..StackOptions::default() }).await, folder)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(memory): State<Arc<Memory>>, headers: HeaderMap, body: Bytes) -> Status {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let matter = header("hilum-matter");
    let signed = is_signed(&header("hilum-signature"), &body);
    memory.got.lock().unwrap().push(Got { matter: matter.clone(), signed, body });
    let mut refuses = memory.refuses.lock().unwrap();
    if matter.starts_with("report-") && *refuses > 0 {
        *refuses -= 1;
        return Status::FORBIDDEN;
    }
    Status::NO_CONTENT
}

fn is_signed(signature: &str, body: &[u8]) -> bool {
    let (time, told) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(&[time.as_bytes(), b".", body].concat());
    mac.verify_slice(&hex::decode(told).unwrap()).is_ok()
}

#[tokio::test]
async fn a_flag_and_a_report_are_told_and_what_was_refused_is_delivered_after_a_redrive() {
    let desk = Desk::open(1).await;
    let (stack, _folder) = desk.stack("actions = ['notify', 'worklist']\ntargets = ['desk']").await;
    let job = stack.submit(Upload::sample("mhh_1479fa94.png").with("study", "S-1")).await;
    stack.result(&job).await;
    stack.report("S-1", 1).await;
    has_facts(&stack, "delivery-failed", 1).await;

    let letter = wait_for_letter(&stack).await;
    assert_eq!((letter["service"].as_str(), letter["target"].as_str()), (Some("deliver"), Some("desk")));
    assert_eq!(letter["reason"], "it answered HTTP 403");
    let (status, decided) = decide(&stack, &letter["id"], "redrive", "the desk lets us in").await;
    assert_eq!(status, StatusCode::ACCEPTED, "{decided}");
    has_facts(&stack, "report-delivered", 2).await;

    let (_, report) = stack.get("/v1/studies/S-1/report?format=json").await;
    let got = desk.got();
    assert!(got.iter().all(|got| got.signed), "{got:?}");
    let reports: Vec<_> = got.iter().filter(|got| got.matter == "report-1").collect();
    assert_eq!(reports.len(), 2);
    for told in reports {
        assert_eq!(serde_json::from_slice::<Value>(&told.body).unwrap(), report);
    }
    let flags: Vec<_> = got.iter().filter(|got| got.matter == "flag-any").collect();
    assert_eq!(flags.len(), 1);
    let flag: Value = serde_json::from_slice(&flags[0].body).unwrap();
    assert_eq!((flag["job_id"].as_str(), flag["label"].as_str()), (Some(job.as_str()), Some("Effusion")));

    let listed = || async {
        let (_, study) = stack.get("/v1/studies/S-1").await;
        let deliveries = study["deliveries"].as_array().unwrap();
        deliveries.len() == 2 && deliveries.iter().all(|delivery| delivery["state"] == "delivered")
    };
    assert!(wait_until(LIMIT, listed).await, "{}", stack.get("/v1/studies/S-1").await.1);
    let (_, worklist) = stack.get("/v1/studies?flagged=true").await;
    assert_eq!(worklist["studies"][0]["study_ref"], "S-1", "{worklist}");
    let digest = stack.events().await.into_iter().find_map(|envelope| match envelope.event {
        Event::ReportDelivered(told) if told.attempt == 2 => Some(told.objects[0].sha256),
        _ => None,
    });
    let sent = got.iter().find(|got| got.matter == "report-1").unwrap();
    assert_eq!(digest, Some(Sha256Digest::of(&sent.body)));
    discards_a_report(&stack, &desk).await;
}

/// A report that the desk refuses and nobody wants sent again.
async fn discards_a_report(stack: &Stack, desk: &Desk) {
    desk.refuse(1);
    let job = stack.submit(upload("mhh_1479fa94.png", "discarded", "S-2")).await;
    stack.result(&job).await;
    let letter = wait_for_letter(stack).await;
    let (status, decided) = decide(stack, &letter["id"], "discard", "the desk is closed").await;
    assert_eq!((status, &decided["state"]), (StatusCode::ACCEPTED, &"discarded".into()), "{decided}");
    let (status, problem) = decide(stack, &letter["id"], "redrive", "after all").await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert!(wait_until(LIMIT, || async { dead_letters(stack, "open").await.is_empty() }).await);
    let (_, study) = stack.get("/v1/studies/S-2").await;
    let deliveries = study["deliveries"].as_array().unwrap();
    let told = deliveries.iter().find(|delivery| delivery["matter"] == "report-1").unwrap();
    assert_eq!((told["state"].as_str(), told["resolved_by"].as_str()), (Some("discarded"), Some("ops@test")));
    stack.assert_settled().await;
    // Twice that of the first study, once that of this one.
    assert_eq!(desk.got().iter().filter(|got| got.matter == "report-1").count(), 3);
}

async fn wait_for_letter(stack: &Stack) -> Value {
    let is_there = wait_until(LIMIT, || async { !dead_letters(stack, "open").await.is_empty() }).await;
    let facts: Vec<_> = stack.events().await.iter().map(|envelope| envelope.event.name()).collect();
    assert!(is_there, "{facts:?}");
    dead_letters(stack, "open").await[0].clone()
}
