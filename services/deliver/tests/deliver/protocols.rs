//! STOW-RS, FHIR, MLLP and object storage: the ways themselves, against receivers that speak the protocol.

use std::time::Duration;

use bytes::Bytes;
use hilum_deliver::{
    Endpoint, FhirSettings, Hl7Settings, HostPort, Object, Protocol, S3Settings, Secret, SendError, Shipment,
    StowSettings, Target, Transport,
};
use hilum_events::{Matter, samples};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::bench::Bench;
use crate::dicom::{EXPLICIT, SC, SR, file, instance};
use crate::receiver::Receiver;

pub(crate) fn target(protocol: Protocol) -> Target {
    Target { timeout: Duration::from_secs(5), ..Target::new("target".parse().unwrap(), protocol) }
}

pub(crate) fn stow(url: reqwest::Url, token: Option<Secret>) -> Protocol {
    Protocol::Stow(StowSettings { endpoint: Endpoint { url, token }, requires_patient_id: false })
}

pub(crate) fn fhir(url: reqwest::Url, token: Option<Secret>) -> Protocol {
    Protocol::Fhir(FhirSettings { endpoint: Endpoint { url, token }, every_revision: false })
}

/// A receiver on this host.
pub(crate) fn here(port: u16) -> HostPort {
    HostPort { host: "127.0.0.1".to_owned(), port }
}

pub(crate) fn hl7(port: u16) -> Protocol {
    Protocol::Hl7(Hl7Settings {
        address: here(port),
        message: Default::default(),
        every_revision: false,
        requires_patient_id: false,
    })
}

pub(crate) fn shipment(objects: &[(&'static str, &'static str, Bytes)]) -> Shipment {
    let object = |(form, file_name, bytes): &(&'static str, &'static str, Bytes)| Object {
        form,
        file_name: (*file_name).to_owned(),
        bytes: bytes.clone(),
    };
    Shipment {
        site: "north".parse().unwrap(),
        study_id: samples::study_id(),
        matter: Matter::Report(2),
        objects: objects.iter().map(object).collect(),
    }
}

fn is_refused(outcome: &Result<String, SendError>) -> bool {
    matches!(outcome, Err(SendError::Refused { .. }))
}

fn is_failed(outcome: &Result<String, SendError>) -> bool {
    matches!(outcome, Err(SendError::Failed { .. }))
}

#[tokio::test]
async fn stow_finishes_object_by_object_and_hears_of_those_that_were_not_stored() {
    let stored = |number: u32| {
        format!(r#"{{"00081199":{{"Value":[{{"00081155":{{"Value":["{}"]}}}}]}}}}"#, instance(number))
    };
    let not_stored =
        r#"{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[272]}}]}}"#.to_owned();
    let there = format!(
        r#"{{"00081198":{{"Value":[{{"00081155":{{"Value":["{}"]}},"00081197":{{"Value":[45070]}}}}]}}}}"#,
        instance(2)
    );
    let script = [(503, String::new()), (200, stored(1)), (202, not_stored), (409, there)];
    let script: Vec<(u16, &str)> = script.iter().map(|(status, body)| (*status, body.as_str())).collect();
    let receiver = Receiver::start(&script).await;
    let url = format!("{}/dicom-web", receiver.url).parse().unwrap();
    let transport = Transport::to(&target(stow(url, None))).unwrap();
    let shipment = shipment(&[
        ("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1)),
        ("dicom-sc", "sc.dcm", file(SC, EXPLICIT, 2)),
    ]);
    assert!(is_failed(&transport.send(&shipment).await), "it is busy");
    assert!(is_failed(&transport.send(&shipment).await), "the second object was not stored");
    let receipt = transport.send(&shipment).await.unwrap();
    assert_eq!(receipt, "STOW-RS 200, STOW-RS 409, 0xb00e: it was there before");
    let got = receiver.got();
    let sent = |number: usize| {
        let boundary = got[number].header("content-type").rsplit_once('=').unwrap().1.to_owned();
        let head = format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n");
        assert!(got[number].body.starts_with(head.as_bytes()));
        got[number].body.clone()
    };
    assert!(got.iter().all(|got| got.path == "/dicom-web/studies"));
    assert_eq!((sent(0), sent(2)), (sent(1), sent(3)), "the same bytes each time");
    assert_eq!(got.len(), 4, "the first object is not sent again");
    assert!(
        got[0].header("content-type").starts_with("multipart/related; type=\"application/dicom\"; boundary=")
    );
}

#[tokio::test]
async fn fhir_posts_the_bundle_with_its_token() {
    let outcome = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"value","diagnostics":"CANARY"}]}"#;
    let receiver = Receiver::start(&[(502, ""), (422, outcome), (201, "")]).await;
    let url = format!("{}/fhir", receiver.url).parse().unwrap();
    let token = Secret::new("t0ken", "X").unwrap();
    let transport = Transport::to(&target(fhir(url, Some(token)))).unwrap();
    let bundle = Bytes::from_static(br#"{"resourceType":"Bundle","type":"transaction"}"#);
    let shipment = shipment(&[("fhir", "report.fhir.json", bundle.clone())]);
    assert!(is_failed(&transport.send(&shipment).await));
    let outcome = transport.send(&shipment).await;
    assert!(is_refused(&outcome) && outcome.unwrap_err().to_string() == "it answered HTTP 422: value");
    assert_eq!(transport.send(&shipment).await.unwrap(), "HTTP 201");
    for got in receiver.got() {
        assert_eq!((got.path.as_str(), &got.body), ("/fhir", &bundle));
        assert_eq!(got.header("content-type"), "application/fhir+json");
        assert_eq!(got.header("authorization"), "Bearer t0ken");
    }
}

#[tokio::test]
async fn a_token_that_was_changed_in_its_file_is_read_and_a_refused_one_is_tried_again_with_it() {
    let receiver = Receiver::start(&[(200, ""), (401, ""), (401, "")]).await;
    let url: reqwest::Url = format!("{}/fhir", receiver.url).parse().unwrap();
    let folder = hilum_servers::TestFolder::new().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let token = Secret::from_file(&file).unwrap();
    let fixed = Secret::new("fixed", "X").unwrap();
    let transport = Transport::to(&target(fhir(url.clone(), Some(token)))).unwrap();
    let shipment =
        shipment(&[("fhir", "report.fhir.json", Bytes::from_static(br#"{"type":"transaction"}"#))]);
    transport.send(&shipment).await.unwrap();
    std::fs::write(&file, "second").unwrap();
    receiver.on_request(move || std::fs::write(&file, "third").unwrap());
    // The second one is refused and changed meanwhile; the third one is refused as well: later it may be another one.
    assert!(is_failed(&transport.send(&shipment).await));
    assert_eq!(transport.send(&shipment).await.unwrap(), "HTTP 200");
    let sent: Vec<_> = receiver.got().iter().map(|got| got.header("authorization").to_owned()).collect();
    assert_eq!(sent, ["Bearer first", "Bearer second", "Bearer third", "Bearer third"]);

    let receiver = Receiver::start(&[(401, "")]).await;
    let url = format!("{}/fhir", receiver.url).parse().unwrap();
    let transport = Transport::to(&target(fhir(url, Some(fixed)))).unwrap();
    assert!(is_refused(&transport.send(&shipment).await), "it stays the same until a restart");
}

pub(crate) const MESSAGE: &str =
    "MSH|^~\\&|HILUM|NORTH|RIS|NORTH|20260101||ORU^R01^ORU_R01|42-2|P|2.5.1\rPID|1\r";

/// Reads one framed message from each connection and answers the next of `answers`; what came.
pub(crate) async fn mllp(answers: &'static [&'static str]) -> (u16, tokio::task::JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut got = Vec::new();
        for msa in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut frame = Vec::new();
            while !frame.ends_with(b"\x1c\r") {
                frame.push(stream.read_u8().await.unwrap());
            }
            got.push(frame);
            if !msa.is_empty() {
                let text = String::from_utf8_lossy(got.last().unwrap()).into_owned();
                let msa = msa.replace("SENT", text.split('|').nth(9).unwrap());
                let ack = format!("\x0bMSH|^~\\&|RIS|N|HILUM|N|20260101||ACK|1|P|2.5.1\r{msa}\r\x1c\r");
                // In two pieces, as networks do.
                let (first, second) = ack.split_at(20);
                stream.write_all(first.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                stream.write_all(second.as_bytes()).await.unwrap();
            }
        }
        got
    });
    (port, task)
}

#[tokio::test]
async fn hl7_waits_for_the_acknowledgement_of_its_message() {
    let answers = &["MSA|AE|42-2|no such order", "", "MSA|AA|1-1", "MSA|AA|42-2"];
    let (port, receiver) = mllp(answers).await;
    let transport = Transport::to(&target(hl7(port))).unwrap();
    let shipment = shipment(&[("hl7", "report.hl7", Bytes::from_static(MESSAGE.as_bytes()))]);
    for told in ["it answered AE", "acknowledged nothing", "another message"] {
        let error = transport.send(&shipment).await.unwrap_err();
        assert!(error.to_string().contains(told) && !error.to_string().contains("order"), "{error}");
    }
    assert_eq!(transport.send(&shipment).await.unwrap(), "ACK AA");
    let framed = [b"\x0b", MESSAGE.as_bytes(), b"\x1c\r"].concat();
    assert!(receiver.await.unwrap().iter().all(|got| *got == framed));
    assert!(is_failed(&transport.send(&shipment).await), "nobody listens any more");
}

#[tokio::test]
async fn hl7_takes_what_receivers_of_the_field_send() {
    // A connection that stays open after each of them.
    for answer in [
        "\x0bMSH|^~\\&|R|R|H|H|20261129||ACK|1|P|2.5.1\rMSA|AA|42-2\r\x1c",
        "\x0bMSH|^~\\&|R|R|H|H|20261129||ACK|1|P|2.5.1\rMSA|AA|  42-2  |\r\x1c\r",
        "\x0bMSH|^~\\&|R|R|H|H|20261129||ACK|1|P|2.5.1\rMSA|AA|41-1\r\x1c\r\x0bMSH|^~\\&|R|R|H|H|20261129||ACK|1|P|2.5.1\rMSA|AA|42-2\r\x1c\r",
        "\r\n\x0bMSH|^~\\&|R|R|H|H|20261129||ACK|1|P|2.5.1\nMSA|CA|42-2\n\x1c\r",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let transport = Transport::to(&target(hl7(port))).unwrap();
        let shipment = shipment(&[("hl7", "report.hl7", Bytes::from_static(MESSAGE.as_bytes()))]);
        let answering = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream
        };
        let (receipt, _open) = tokio::join!(transport.send(&shipment), answering);
        assert!(receipt.unwrap().starts_with("ACK "), "{answer:?}");
    }
}

#[tokio::test]
async fn a_stored_report_goes_out_as_fhir_and_as_hl7() {
    let bench = Bench::new().await;
    let receiver = Receiver::start(&[]).await;
    let (port, ris) = mllp(&["MSA|AA|SENT"]).await;
    let targets = format!(
        "[target.fhir]\nkind = 'fhir'\nurl = '{}/fhir'\n[target.ris]\nkind = 'hl7'\nhost = '127.0.0.1'\nport = {port}\n",
        receiver.url
    );
    let copy = bench.start(&targets).await;
    let document = hilum_reports::samples::one_of_each().to_json().unwrap();
    bench.issue(1, std::str::from_utf8(&document).unwrap()).await;
    let fhir = bench.delivered("fhir", 1).await;
    assert_eq!((fhir.objects[0].form.as_str(), fhir.receipt.as_str()), ("fhir", "HTTP 200"));
    let hl7 = bench.delivered("ris", 1).await;
    assert_eq!((hl7.objects[0].form.as_str(), hl7.receipt.as_str()), ("hl7", "ACK AA"));
    copy.stop().await;
    let bundle: serde_json::Value = serde_json::from_slice(&receiver.got()[0].body).unwrap();
    assert_eq!(bundle["resourceType"], "Bundle");
    assert!(ris.await.unwrap()[0].starts_with(b"\x0bMSH|"));
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_not_waited_for_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let transport =
        Transport::to(&Target { timeout: Duration::from_millis(300), ..target(hl7(port)) }).unwrap();
    let shipment = shipment(&[("hl7", "report.hl7", Bytes::from_static(MESSAGE.as_bytes()))]);
    let error = transport.send(&shipment).await.unwrap_err();
    assert_eq!(error.to_string(), "it did not answer within 300ms");
}

#[tokio::test]
async fn objects_lie_under_their_study_and_are_never_written_over() {
    let bench = Bench::new().await;
    let folder = bench.folder.path().join("archive");
    let copy =
        bench.start(&format!("[target.archive]\nkind = 's3'\nurl = 'file://{}'\n", folder.display())).await;
    bench.issue(1, "{\"a\": 1}").await;
    let delivered = bench.delivered("archive", 1).await;
    let name = delivered.receipt.strip_suffix(" written").unwrap();
    assert!(name.ends_with("/r1/report.json"), "{name}");
    assert_eq!(std::fs::read(folder.join(name)).unwrap(), b"{\"a\": 1}");

    let shelf = S3Settings {
        store_url: format!("file://{}", folder.display()),
        prefix: "p".to_owned(),
        options: vec![],
        requires_patient_id: false,
    };
    let transport = Transport::to(&target(Protocol::S3(shelf))).unwrap();
    let once = shipment(&[("json", "report.json", Bytes::from_static(b"{}"))]);
    let other = shipment(&[("json", "report.json", Bytes::from_static(b"[]"))]);
    let name = format!("p/north/{}/r2/report.json", samples::study_id());
    assert_eq!(transport.send(&once).await.unwrap(), format!("{name} written"));
    assert_eq!(transport.send(&once).await.unwrap(), format!("{name} there before"));
    let outcome = transport.send(&other).await;
    assert!(is_refused(&outcome), "{outcome:?}");
    assert_eq!(std::fs::read(folder.join(name)).unwrap(), b"{}");
    copy.stop().await;
}
