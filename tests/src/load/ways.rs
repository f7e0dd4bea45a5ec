//! The doors, and how each is sent to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hilum_events::Way;
use hilum_scu::Peer;
use hilum_stack::{DICOM, DICOMWEB, WATCH};
use object_store::aws::AmazonS3;
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt as _, PutResult};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::c_store::Associations;
use super::{SITES, Shipment};
use crate::checked_http::Http;
use crate::journal::Answer;
use crate::stack::Stack;

/// What is sent takes no longer, or its answer is unknown.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of how many objects in the bucket nobody tells one, so that only a list finds it.
const UNTOLD: usize = 3;
/// Titles of the sites, in their order (tests/data/ways/aes.toml).
const TITLES: [&str; SITES.len()] = ["NORTH", "SOUTH", "WEST"];

/// The doors of a stack; the copies of each are sent to by turns.
pub struct Doors {
    http: Vec<String>,
    dicom: Vec<String>,
    dicomweb: Vec<String>,
    watch: Vec<String>,
    bucket: Option<AmazonS3>,
    associations: Associations,
    /// For the door whose answers are described.
    described: Http,
    client: Client,
    turns: AtomicUsize,
}

impl Doors {
    /// All that the stack has.
    pub fn of(stack: &Stack) -> Self {
        let urls =
            |service| stack.copies_of(service).iter().map(|copy| stack.url_of(copy)).collect::<Vec<_>>();
        let dicom = stack.copies_of(DICOM);
        let client = hilum_runtime::http_client().timeout(PATIENCE).build().unwrap();
        let watch = urls(WATCH);
        Self {
            http: urls("ingest"),
            dicom: dicom.iter().map(|copy| stack.dicom_address_of(copy)).collect(),
            dicomweb: urls(DICOMWEB),
            bucket: (!watch.is_empty()).then(|| stack.watched_bucket()),
            watch,
            associations: Associations::default(),
            described: Http::through(client.clone()),
            client,
            turns: AtomicUsize::default(),
        }
    }

    /// How images can be sent.
    pub fn ways(&self) -> Vec<Way> {
        let copies = [
            (Way::Http, &self.http),
            (Way::Dicom, &self.dicom),
            (Way::Dicomweb, &self.dicomweb),
            (Way::S3, &self.watch),
        ];
        copies.into_iter().filter(|(_, copies)| !copies.is_empty()).map(|(way, _)| way).collect()
    }

    pub(super) async fn send(&self, shipment: &Shipment) -> Answer {
        match shipment.way {
            Way::Http => self.upload(shipment).await,
            Way::Dicom => {
                let site = SITES.iter().position(|site| *site == shipment.site.as_str()).unwrap();
                let door =
                    Peer { title: TITLES[site].to_owned(), address: self.next(&self.dicom).to_owned() };
                self.associations.store(door, &shipment.content.bytes, PATIENCE).await
            }
            Way::Dicomweb => self.store_over_the_web(shipment).await,
            Way::S3 => self.put(shipment).await,
        }
    }

    fn next<'a>(&self, copies: &'a [String]) -> &'a str {
        &copies[self.turns.fetch_add(1, Ordering::Relaxed) % copies.len()]
    }

    async fn upload(&self, shipment: &Shipment) -> Answer {
        let url = format!("{}/v1/jobs", self.next(&self.http));
        let form = Form::new()
            .text("site", shipment.site.to_string())
            .text("study", shipment.study.clone())
            .text("priority", shipment.priority)
            .part("image", Part::bytes(shipment.content.bytes.to_vec()).file_name("image"));
        let answer = match self.described.post(url).multipart(form).send().await {
            Ok(answer) => answer,
            Err(error) => return no_answer(&error),
        };
        let status = answer.status();
        if status != StatusCode::ACCEPTED {
            return Answer::Refused(status.as_u16());
        }
        let accepted: Option<Value> = answer.json().await.ok();
        let job_id = accepted.and_then(|answer| answer["job_id"].as_str()?.parse().ok());
        job_id.map_or(Answer::Unknown, Answer::Accepted)
    }

    async fn store_over_the_web(&self, shipment: &Shipment) -> Answer {
        let url = format!("{}/dicom-web/studies", self.next(&self.dicomweb));
        let request = self.client.post(url).header("content-type", "application/dicom");
        let token = format!("the-token-of-{}", shipment.site);
        match request.bearer_auth(token).body(shipment.content.bytes.to_vec()).send().await {
            Ok(answer) if answer.status() == StatusCode::OK => Answer::Taken,
            Ok(answer) => Answer::Refused(answer.status().as_u16()),
            Err(error) => no_answer(&error),
        }
    }

    /// What lies in the bucket is taken in, whether anybody tells of it or not.
    async fn put(&self, shipment: &Shipment) -> Answer {
        let Shipment { site, study, number, .. } = shipment;
        let key = Key::from(format!("{site}/{study}/{number}"));
        let bucket = self.bucket.as_ref().expect("a stack with a watch");
        let bytes = bytes::Bytes::copy_from_slice(&shipment.content.bytes);
        let Ok(put) = bucket.put(&key, bytes.into()).await else { return Answer::Unknown };
        if number % UNTOLD != 0 {
            self.tell(&key, &put).await;
        }
        Answer::Taken
    }

    /// As MinIO does, once.
    async fn tell(&self, key: &Key, put: &PutResult) {
        let e_tag = put.e_tag.as_deref().map(|e_tag| e_tag.trim_matches('"'));
        let object = json!({"key": key.as_ref().replace('/', "%2F"), "eTag": e_tag});
        let record = json!({"eventSource": "minio:s3", "eventName": "s3:ObjectCreated:Put",
            "s3": {"bucket": {"name": "drop"}, "object": object}});
        let body =
            json!({"EventName": "s3:ObjectCreated:Put", "Key": format!("drop/{key}"), "Records": [record]});
        let url = format!("{}/notifications", self.next(&self.watch));
        let request = self.client.post(url).bearer_auth("the-token-of-the-store");
        // Whatever is answered, a list finds it.
        let _ = request.body(body.to_string()).send().await;
    }
}

fn no_answer(error: &reqwest::Error) -> Answer {
    if error.is_connect() { Answer::Unreachable } else { Answer::Unknown }
}
