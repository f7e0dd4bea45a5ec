//! The table of answers that receivers of the field give (`tests/data/field/answers.json`): each is given to a delivery, and
//! what comes of it is what the table says.

use std::path::Path;

use bytes::Bytes;
use hilum_deliver::{Endpoint, Protocol, Secret, SendError, Transport, WebhookSettings};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::dicom::{EXPLICIT, SR, file, instance};
use crate::protocols::{MESSAGE, fhir, hl7, shipment, stow, target};
use crate::receiver::Receiver;

#[tokio::test]
async fn each_answer_of_the_table_leads_to_what_it_says() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/field/answers.json");
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(table).unwrap()).unwrap();
    let mut tried = 0;
    for row in &rows {
        let (to, right) = (row["to"].as_str().unwrap(), row["right"].as_str().unwrap());
        let protocols = match to {
            "stow, fhir, webhook" => vec!["stow", "fhir", "webhook"],
            "any http" => vec!["stow", "fhir", "webhook"],
            // An association of several tries: `a_receiver_that_fails_half_through_gets_the_rest`.
            "dicom" => continue,
            one => vec![one],
        };
        for protocol in protocols {
            let outcome = match protocol {
                "hl7" => over_mllp(row).await,
                protocol => over_http(protocol, row, "1.3").await,
            };
            check(&format!("{protocol}: {row}"), right, &outcome);
            tried += 1;
            if right.starts_with("stored") {
                let of_ours = over_http(protocol, row, &instance(1)).await;
                assert!(of_ours.is_ok(), "{row}: {of_ours:?}");
            }
        }
    }
    assert!(tried >= 14, "{tried} of {} rows", rows.len());
}

/// What the table calls right, of an answer about an instance that is not ours where it names one.
fn check(row: &str, right: &str, outcome: &Result<String, SendError>) {
    match (right, outcome) {
        ("taken", Ok(_)) => {}
        // The instance that the row names is another one: see also what it means of ours.
        (stored, Err(SendError::Failed { .. })) if stored.starts_with("stored") => {}
        (failed, Err(SendError::Failed { what, .. })) if failed.starts_with("failed") => {
            assert!(!failed.contains("\"required\"") || what.ends_with(": required"), "{row}: {what}");
            assert!(!failed.contains("AE") || what == "it answered AE", "{row}: {what}");
        }
        ("tried again later", Err(SendError::Failed { .. })) => {}
        ("tried again, not before 20 s", Err(SendError::Failed { not_before: Some(wait), .. })) => {
            assert_eq!(wait.as_secs(), 20, "{row}");
        }
        (given_up, Err(SendError::Refused { what })) if given_up.starts_with("given up") => {
            assert!(what.ends_with(": required"), "{row}: {what}");
        }
        _ => panic!("{row}: {outcome:?}"),
    }
    let told = format!("{outcome:?}");
    assert!(!told.contains("CANARY") && !told.contains("900101"), "{row}: {told}");
}

/// The row's answer over HTTP; in its body the instance 1.3 is called `instance`.
async fn over_http(protocol: &str, row: &Value, instance: &str) -> Result<String, SendError> {
    let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
    let body = row["body"].as_str().unwrap_or_default().replace("\"1.3\"", &format!("\"{instance}\""));
    let mut headers: Vec<(&str, &str)> = vec![("content-type", row["type"].as_str().unwrap_or("text/plain"))];
    for (name, value) in row["headers"].as_object().into_iter().flatten() {
        headers.push((name, value.as_str().unwrap()));
    }
    let receiver = Receiver::start_with(&[(status, &body)], &headers).await;
    let url = receiver.url.parse().unwrap();
    let (protocol, object) = match protocol {
        "stow" => (stow(url, None), ("dicom-sr", "sr.dcm", file(SR, EXPLICIT, 1))),
        "fhir" => {
            let bundle = Bytes::from_static(br#"{"resourceType":"Bundle","type":"transaction"}"#);
            (fhir(url, None), ("fhir", "report.fhir.json", bundle))
        }
        "webhook" => {
            let secret = Secret::new("open sesame", "X").unwrap();
            (
                Protocol::Webhook(WebhookSettings {
                    endpoint: Endpoint { url, token: None },
                    secret,
                    every_revision: false,
                }),
                ("json", "report.json", Bytes::from_static(b"{}")),
            )
        }
        other => panic!("no such protocol: {other}"),
    };
    Transport::to(&target(protocol)).unwrap().send(&shipment(&[object])).await
}

async fn over_mllp(row: &Value) -> Result<String, SendError> {
    let accepted = "MSH|^~\\&|R|R|H|H|20261129||ACK|1|P|2.5.1\rMSA|AA|OUR-ID\r";
    let (message, end) = match row["bytes"].as_str() {
        Some(message) => (message, "\x1c\r"),
        // The framing that the row is about.
        None => (accepted, "\x1c"),
    };
    let answer = format!("\x0b{message}{end}").replace("OUR-ID", "42-2");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let transport = Transport::to(&target(hl7(port))).unwrap();
    let shipment = shipment(&[("hl7", "report.hl7", Bytes::from_static(MESSAGE.as_bytes()))]);
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut begin = [0; 4];
        stream.read_exact(&mut begin).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    };
    let (outcome, _open) = tokio::join!(transport.send(&shipment), answering);
    outcome
}
