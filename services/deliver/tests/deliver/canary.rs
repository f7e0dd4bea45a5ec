//! What receivers say stays with them: a name and a national number, put wherever a receiver can put text, are in no fact,
//! dead letter, log line or file.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hilum_events::MediaType;
use hilum_reports::Summary;
use hilum_servers::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::bench::{Bench, LIMIT};
use crate::scp::Scp;

const NAME: &str = "CANARY^HONGGILDONG";
/// Pieces of both, as short as what fits into an application entity title.
const PIECES: [&str; 2] = ["CANARY^HONG", "900101-1"];
const SAYS: &str = "CANARY^HONGGILDONG 900101-1234567";

/// Somebody who answers each connection with `answer`, made of what came first, and closes it; how many came.
async fn talker(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> (u16, watch::Receiver<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (said, count) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut got = vec![0; 64 << 10];
            let length = stream.read(&mut got).await.unwrap_or(0);
            let _ = stream.write_all(&answer(&got[..length])).await;
            let _ = stream.shutdown().await;
            said.send_modify(|said| *said += 1);
            // What still comes is read, so that the answer is not lost to a reset.
            let _ = tokio::time::timeout(LIMIT, tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
        }
    });
    (port, count)
}

/// An HTTP answer with the canary in its reason phrase, its headers and its body.
fn http(status: u16, media_type: &str, body: &str) -> impl Fn(&[u8]) -> Vec<u8> + Send + 'static {
    let body = body.replace("{}", SAYS);
    let answer = format!(
        "HTTP/1.1 {status} {SAYS}\r\nContent-Type: {media_type}\r\nServer: {SAYS}\r\nLocation: /{NAME}\r\nX-Error: {SAYS}\r\nWWW-Authenticate: Bearer realm=\"{SAYS}\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    move |_| answer.clone().into_bytes()
}

/// The service as it runs in a hospital, with its log in the folder.
fn service(bench: &Bench, targets: &Path) -> Child {
    let lines = std::fs::File::create(bench.folder.path().join("deliver.log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_hilum-deliver"))
        .env("HILUM_NATS_URL", bench.nats_url())
        .env("HILUM_STORE_URL", format!("file://{}", bench.folder.path().join("objects").display()))
        .env("HILUM_TARGETS", targets)
        .env("HILUM_LOG", "info,hilum_deliver=trace,hilum_log=trace")
        .env("CANARY_TEST_KEY", "key")
        .stdout(Stdio::null())
        .stderr(lines)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Receivers of all protocols, and the file of targets that names them.
#[derive(Default)]
struct Receivers {
    file: String,
    said: Vec<(String, watch::Receiver<u32>)>,
}

impl Receivers {
    fn add(&mut self, name: &str, (port, count): (u16, watch::Receiver<u32>), keys: &str) {
        let keys = keys.replace("{port}", &port.to_string());
        self.file.push_str(&format!("[target.{name}]\ntries = 1\n{keys}\n"));
        self.said.push((name.to_owned(), count));
    }

    async fn webhooks(&mut self, secret: &Path) {
        let problem = r#"{"type":"about:{}","title":"{}","detail":"{}"}"#;
        let keys = format!(
            "kind='webhook'\nurl='http://127.0.0.1:{{port}}'\nsecret_file='{}'\ntoken_env='CANARY_TEST_KEY'\ntoken_over_http=true",
            secret.display()
        );
        self.add("hook", talker(http(422, "application/problem+json", problem)).await, &keys);
        self.add("hook-busy", talker(http(503, "text/plain", "{}")).await, &keys);
        let page = "<!doctype html><title>{}</title>";
        self.add("hook-page", talker(http(200, "text/html", page)).await, &keys);
        self.add("hook-moved", talker(http(307, "text/plain", "{}")).await, &keys);
        self.add("hook-denied", talker(http(401, "text/plain", "{}")).await, &keys);
        self.add("hook-noise", talker(|_| SAYS.as_bytes().to_vec()).await, &keys);
    }

    async fn web_services(&mut self) {
        let outcome = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"{}","diagnostics":"{}","expression":["{}"],"details":{"text":"{}"}}]}"#;
        let fhir = "kind='fhir'\nurl='http://127.0.0.1:{port}/fhir'";
        self.add("fhir", talker(http(422, "application/fhir+json", outcome)).await, fhir);
        self.add("fhir-error", talker(http(200, "application/fhir+json", outcome)).await, fhir);
        self.add("fhir-noise", talker(http(200, "text/plain", "{}")).await, fhir);
        let not_stored = r#"{"00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["{}"]},"00081197":{"vr":"US","Value":[43264]},"00000902":{"vr":"LO","Value":["{}"]}}]},"00081190":{"vr":"UR","Value":["{}"]}}"#;
        let stow = "kind='stow'\nurl='http://127.0.0.1:{port}/dicom-web'";
        self.add("stow", talker(http(409, "application/dicom+json", not_stored)).await, stow);
        self.add("stow-some", talker(http(202, "application/dicom+json", not_stored)).await, stow);
        self.add("stow-noise", talker(http(400, "text/plain", "{}")).await, stow);
        let denied = "<?xml version=\"1.0\"?><Error><Code>{}</Code><Message>{}</Message><Resource>{}</Resource></Error>";
        let s3 = "kind='s3'\nurl='s3://reports/x'\nendpoint_url='http://127.0.0.1:{port}'\nregion='r'\naccess_key_id_env='CANARY_TEST_KEY'\nsecret_access_key_env='CANARY_TEST_KEY'";
        self.add("bucket", talker(http(403, "application/xml", denied)).await, s3);
    }

    async fn hospital_systems(&mut self) {
        let ack = format!(
            "\x0bMSH|^~\\&|{SAYS}|R|H|H|20261129||ACK|{SAYS}|P|2.5.1|{SAYS}\rMSA|AE|OUR-ID|PID-3 required: {SAYS}\rERR||{SAYS}|{SAYS}|E||{SAYS}|{SAYS}|{SAYS}\r\x1c\r"
        );
        let acknowledge = move |message: &[u8]| {
            let message = String::from_utf8_lossy(message).into_owned();
            let id = message.split('|').nth(9).unwrap_or_default();
            ack.replace("OUR-ID", id).into_bytes()
        };
        let noise = |_: &[u8]| {
            format!("\x0bMSH|^~\\&|R|R|H|H|1||ACK|1|P|2.5.1\rMSA|{SAYS}|{SAYS}|{SAYS}\r\x1c\r").into_bytes()
        };
        let ris = "kind='hl7'\nhost='127.0.0.1'\nport={port}";
        self.add("ris", talker(acknowledge).await, ris);
        self.add("ris-noise", talker(noise).await, ris);
        // An association request where an acceptance is wanted, with the canary for application entity titles.
        let echo = |request: &[u8]| {
            let mut answer = request.to_vec();
            if answer.len() > 42 {
                answer[10..42].copy_from_slice(&SAYS.as_bytes()[..32]);
            }
            answer
        };
        let pacs = "kind='dicom'\nhost='127.0.0.1'\nport={port}\ncalled_ae='PACS'";
        self.add("pacs-noise", talker(echo).await, pacs);
    }
}

/// The document of a report of images that could not be read.
fn document() -> String {
    let mut report = hilum_reports::samples::one_of_each();
    report.images.retain(|image| image.reading.is_none());
    for image in &mut report.images {
        (image.media_type, image.dicom) = (MediaType::Png, None);
    }
    report.summary = Summary { images: 2, completed: 0, failed: 2, duplicates: 0 };
    String::from_utf8(report.to_json().unwrap()).unwrap()
}

#[tokio::test]
async fn no_word_of_a_receiver_is_kept() {
    let bench = Bench::new().await;
    let secret = bench.folder.path().join("secret");
    std::fs::write(&secret, "open sesame").unwrap();
    let mut receivers = Receivers::default();
    receivers.webhooks(&secret).await;
    receivers.web_services().await;
    receivers.hospital_systems().await;
    let scp = Scp::start(&[0xa900; 4], SAYS).await;
    let (_, silent) = watch::channel(1);
    receivers.add(
        "pacs",
        (scp.port, silent),
        "kind='dicom'\nhost='127.0.0.1'\nport={port}\ncalled_ae='PACS'",
    );
    let targets = bench.folder.path().join("targets.toml");
    std::fs::write(&targets, &receivers.file).unwrap();
    let mut copy = service(&bench, &targets);
    for (name, _) in &receivers.said {
        let begun = || async { bench.has_consumer(&format!("deliver-{name}")).await };
        assert!(wait_until(LIMIT, begun).await, "{name}");
    }
    let seq = bench.issue(1, &document()).await;
    for (name, count) in &receivers.said {
        let fact = bench.fact(&format!("evt.delivery-failed.*.*.report-1.{name}.1")).await;
        assert!(!leaks(format!("{fact:?}").as_bytes()), "{fact:?}");
        let letter = bench.log.dead_letter(&format!("deliver-{name}"), seq).await.unwrap().unwrap();
        assert!(!leaks(format!("{:?}", letter.tries).as_bytes()), "{:?}", letter.tries);
        assert!(*count.borrow() > 0, "{name} was not asked");
    }
    assert_eq!(scp.got().len(), 1);
    kill(Pid::from_raw(copy.id().unwrap().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(20), copy.wait()).await.unwrap().unwrap().success());
    let lines = std::fs::read(bench.folder.path().join("deliver.log")).unwrap();
    assert!(lines.windows(8).any(|window| window == b"given up"), "what failed is logged");
    assert!(files_without_the_canary(bench.folder.path()) > 5);
}

/// How many files there are under the folder, none of which has the canary.
fn files_without_the_canary(folder: &Path) -> usize {
    let (mut files, mut folders) = (0, vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if let Ok(bytes) = std::fs::read(entry.path()) {
                files += 1;
                assert!(!leaks(&bytes), "{}", entry.path().display());
            }
        }
    }
    files
}

fn leaks(bytes: &[u8]) -> bool {
    PIECES.iter().any(|canary| bytes.windows(canary.len()).any(|window| window == canary.as_bytes()))
}
