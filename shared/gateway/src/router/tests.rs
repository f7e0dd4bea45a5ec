//! The gateway in front of a real HTTP service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::IntoResponse as _;
use axum::routing::{any, post};
use futures::{Stream, StreamExt as _, stream};
use hilum_api::Problem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::settings::{Limits, RESERVED_FILES};
use crate::{BothServices, Destination, Gateway};

const LIMIT: Duration = Duration::from_secs(10);

async fn serve(router: Router) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// The base URL of a gateway in front of the two ports; 0 for a service that was never started.
async fn gateway(ingest: u16, projection: u16) -> String {
    gateway_within(ingest, projection, hilum_runtime::LEAST_OPEN_FILES).await
}

/// The same with so many files that may be open.
async fn gateway_within(ingest: u16, projection: u16, open_files: u64) -> String {
    let at = |name, port: u16| {
        Destination::moving(name, move || (port != 0).then(|| ([127, 0, 0, 1], port).into()))
    };
    let (ingest, projection) = (at("ingest", ingest), at("projection", projection));
    let services = BothServices::new(ingest.clone(), projection.clone()).unwrap();
    let gateway = Gateway::new(ingest, projection, Arc::new(services), Limits::within(open_files));
    format!("http://127.0.0.1:{}", serve(gateway.router(|| "numbers 1\n".to_owned())).await)
}

/// A port on which nobody listens.
async fn silent_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap()
}

fn pieces(
    receiver: mpsc::Receiver<&'static str>,
) -> impl Stream<Item = Result<&'static str, std::io::Error>> {
    stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|piece| (Ok(piece), receiver)))
}

#[tokio::test]
async fn the_service_sees_the_first_bytes_before_the_client_has_sent_the_rest() {
    let (seen, mut sees) = mpsc::channel(8);
    let upstream = post(async move |request: Request| {
        let mut body = request.into_body().into_data_stream();
        while let Some(piece) = body.next().await {
            seen.send(piece.unwrap()).await.unwrap();
        }
        "all"
    });
    let base = gateway(serve(Router::new().route("/v1/jobs", upstream)).await, silent_port().await).await;
    let (send, receiver) = mpsc::channel(1);
    let body = reqwest::Body::wrap_stream(pieces(receiver));
    let client = tokio::spawn(
        hilum_runtime::http_client().build().unwrap().post(format!("{base}/v1/jobs")).body(body).send(),
    );

    send.send("first").await.unwrap();
    assert_eq!(within(sees.recv()).await.unwrap(), "first");
    send.send("second").await.unwrap();
    assert_eq!(within(sees.recv()).await.unwrap(), "second");
    drop(send);
    let answer = within(client).await.unwrap().unwrap();
    assert_eq!(answer.text().await.unwrap(), "all");
}

#[tokio::test]
async fn the_client_sees_the_first_event_before_the_service_has_sent_the_rest() {
    let (send, receiver) = mpsc::channel(1);
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(Some(receiver)));
    let upstream = any(async move || Body::from_stream(pieces(receiver.lock().unwrap().take().unwrap())));
    let router = Router::new().route("/v1/jobs/1/events", upstream);
    let base = gateway(silent_port().await, serve(router).await).await;
    let mut answer =
        within(hilum_runtime::http_client().build().unwrap().get(format!("{base}/v1/jobs/1/events")).send())
            .await
            .unwrap();
    for piece in ["event: a\n\n", "event: b\n\n"] {
        send.send(piece).await.unwrap();
        assert_eq!(within(answer.chunk()).await.unwrap().unwrap(), piece);
    }
    drop(send);
    assert_eq!(within(answer.chunk()).await.unwrap(), None);
}

#[tokio::test]
async fn questions_leave_descriptors_to_uploads_and_a_place_is_free_again_when_a_client_leaves() {
    let waits = any(async || {
        Body::from_stream(
            stream::once(async { Ok::<_, std::io::Error>("event: a\n\n") }).chain(stream::pending()),
        )
    });
    let projection = serve(Router::new().route("/v1/jobs/1/events", waits)).await;
    let ingest = serve(Router::new().route("/v1/jobs", post(async || "taken"))).await;
    // Two descriptors for each of two, beside those that are reserved.
    let base = gateway_within(ingest, projection, RESERVED_FILES + 4).await;
    let client = hilum_runtime::http_client().build().unwrap();
    let listen = || within(client.get(format!("{base}/v1/jobs/1/events")).send());
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut answer = listen().await.unwrap();
        assert_eq!(within(answer.chunk()).await.unwrap().unwrap(), "event: a\n\n");
        held.push(answer);
    }
    let refused = listen().await.unwrap();
    assert_eq!(refused.status().as_u16(), 503);
    let problem: Problem = refused.json().await.unwrap();
    assert!(problem.detail.contains("hilum doctor"), "{problem:?}");
    let taken = within(client.post(format!("{base}/v1/jobs")).send()).await.unwrap();
    assert_eq!(taken.text().await.unwrap(), "taken");

    drop(held.pop());
    let free = || async { listen().await.is_ok_and(|answer| answer.status().is_success()) };
    assert!(hilum_servers::wait_until(LIMIT, free).await);
}

#[tokio::test]
async fn uploads_and_closing_go_to_ingest_and_everything_else_to_projection() {
    let named = |name: &'static str| {
        Router::new().fallback(async move |request: Request| format!("{name} {}", request.uri()))
    };
    let base = gateway(serve(named("ingest")).await, serve(named("projection")).await).await;
    let client = hilum_runtime::http_client().build().unwrap();
    let ask = async |method: &str, path: &str| {
        let method = method.parse().unwrap();
        let answer = within(client.request(method, format!("{base}{path}")).send()).await.unwrap();
        answer.text().await.unwrap()
    };
    assert_eq!(ask("POST", "/v1/jobs").await, "ingest /v1/jobs");
    assert_eq!(ask("POST", "/v1/studies/A-1/close?site=n").await, "ingest /v1/studies/A-1/close?site=n");
    assert_eq!(ask("POST", "/v1/studies/A-1/manifest").await, "ingest /v1/studies/A-1/manifest");
    assert_eq!(ask("GET", "/v1/jobs?limit=2").await, "projection /v1/jobs?limit=2");
    assert_eq!(ask("GET", "/v1/jobs/1?wait=30s").await, "projection /v1/jobs/1?wait=30s");
    assert_eq!(ask("GET", "/openapi.json").await, "projection /openapi.json");
    assert_eq!(ask("POST", "/v1/ops/dlq/5/redrive").await, "projection /v1/ops/dlq/5/redrive");
    assert_eq!(ask("DELETE", "/v1/jobs").await, "projection /v1/jobs");
    assert!(ask("GET", "/").await.contains("/openapi.json"));
    assert_eq!(ask("GET", "/livez").await, "ok\n");
    assert_eq!(ask("GET", "/metrics").await, "numbers 1\n");
}

#[tokio::test]
async fn the_gateway_says_which_service_is_not_ready_and_whether_uploads_are_taken() {
    let says = |ready: bool| {
        let waiting: BTreeMap<_, _> =
            (!ready).then_some(("caught up", "folding, 1 of 2")).into_iter().collect();
        Router::new().route(
            "/readyz",
            any(async move || axum::Json(serde_json::json!({ "ready": ready, "waiting_for": waiting }))),
        )
    };
    let base = gateway(serve(says(true)).await, serve(says(false)).await).await;
    let client = hilum_runtime::http_client().build().unwrap();
    let ask = async |base: &str, page: &str| {
        let answer = within(client.get(format!("{base}{page}")).send()).await.unwrap();
        (answer.status().as_u16(), answer.json::<hilum_api::StackReadiness>().await.unwrap())
    };
    let (status, readiness) = ask(&base, "/readyz").await;
    assert_eq!((status, readiness.ready, readiness.takes_uploads), (503, false, true));
    assert_eq!(readiness.waiting_for["projection/caught up"], "folding, 1 of 2");
    assert_eq!(ask(&base, "/readyz/uploads").await.0, 200);
    // Whoever answers there is no service of ours, and the other was never started.
    let stranger = Router::new().fallback(async || "hello");
    let base = gateway(0, serve(stranger).await).await;
    let (status, readiness) = ask(&base, "/readyz/uploads").await;
    assert_eq!((status, readiness.takes_uploads), (503, false));
    assert_eq!(readiness.waiting_for["ingest/process"], "not started yet");
    assert_eq!(readiness.waiting_for["projection/process"], "answers something else than its readiness");
}

#[tokio::test]
async fn a_service_that_is_away_is_a_503_that_says_when_to_try_again() {
    let base = gateway(silent_port().await, 0).await;
    for path in ["/v1/jobs", "/v1/studies/1"] {
        let method = if path == "/v1/jobs" { "POST" } else { "GET" };
        let request = hilum_runtime::http_client()
            .build()
            .unwrap()
            .request(method.parse().unwrap(), format!("{base}{path}"));
        let answer = within(request.body("x").send()).await.unwrap();
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["retry-after"], "2");
        assert_eq!(answer.json::<Problem>().await.unwrap().kind, "/problems/unavailable");
    }
}

#[tokio::test]
async fn a_client_that_sends_everything_before_it_reads_still_gets_an_early_answer() {
    let refuse = any(async || Problem::not_found("no").into_response());
    let base = gateway(serve(Router::new().route("/v1/jobs", refuse)).await, silent_port().await).await;
    let address = base.trim_start_matches("http://").to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        let body = Bytes::from(vec![b'x'; 64 << 20]);
        write!(stream, "POST /v1/jobs HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len())
            .unwrap();
        stream.write_all(&body).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        String::from_utf8(head.to_vec()).unwrap()
    });
    assert_eq!(within(answer).await.unwrap(), "HTTP/1.1 404");
}

/// The first bytes of the answer to an upload that is sent only in part; with `leave` the client closes its side.
async fn answer_to_a_begin(base: &str, leave: bool) -> String {
    let mut stream = tokio::net::TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    let begin = b"POST /v1/jobs HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc";
    stream.write_all(begin).await.unwrap();
    if leave {
        stream.shutdown().await.unwrap();
    }
    let mut head = [0; 12];
    within(stream.read_exact(&mut head)).await.unwrap();
    String::from_utf8(head.to_vec()).unwrap()
}

#[tokio::test]
async fn a_silent_upload_is_ended_by_the_service_behind_and_one_that_broke_off_is_no_fault_of_it() {
    let all = post(async |_: Bytes| "all");
    let service = hilum_runtime::strict(Router::new().route("/v1/jobs", all), Duration::from_millis(100));
    let base = gateway(serve(service).await, silent_port().await).await;
    assert_eq!(answer_to_a_begin(&base, false).await, "HTTP/1.1 408");
    assert_eq!(answer_to_a_begin(&base, true).await, "HTTP/1.1 400");
}
