//! Uploading a file: its bytes are streamed from the disk, its name stays here, because names of files can be
//! names of patients.

use std::path::Path;
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_api::Accepted;
use hilum_events::Priority;
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use tokio_util::io::ReaderStream;

use crate::answer::Answer;
use crate::client::{Client, TRIES, pause};
use crate::error::Error;

/// An upload that takes longer has hung.
const UPLOAD_LIMIT: Duration = Duration::from_secs(600);

/// What goes with every image of a submission.
#[derive(Debug, Clone, Default)]
pub struct Tags {
    /// Hospital or department.
    pub site: Option<String>,
    /// The sender's name for the study.
    pub study: Option<String>,
    /// How soon it is wanted.
    pub priority: Option<Priority>,
    /// How many images the study has.
    pub expected_images: Option<u32>,
    /// An earlier study of the same patient, by name or id.
    pub prior_study: Option<String>,
}

/// A file to upload.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Where it lies.
    pub file: &'a Path,
    /// What goes with it.
    pub tags: &'a Tags,
}

impl Client {
    /// `POST /v1/jobs`; sent again when the stack is away for the moment, or the bytes came too slowly.
    pub fn upload<'a>(&'a self, upload: Upload<'a>) -> BoxFuture<'a, Result<Answer<Accepted>, Error>> {
        Box::pin(async move {
            let mut tries = 1;
            loop {
                let request = self.request(reqwest::Method::POST, &["v1", "jobs"], &[]);
                let request = request.timeout(UPLOAD_LIMIT).multipart(form(upload).await?);
                match self.send_once(request).await {
                    Ok(response) => return self.read(response).await,
                    Err(Error::Refused { problem })
                        if matches!(problem.status, 408 | 503) && tries < TRIES =>
                    {
                        pause(&problem).await;
                        tries += 1;
                    }
                    Err(error) => return Err(error),
                }
            }
        })
    }
}

/// The text fields come first: the service needs them before it sees the image.
async fn form(upload: Upload<'_>) -> Result<Form, Error> {
    let Tags { site, study, priority, expected_images, prior_study } = upload.tags;
    let fields = [
        ("site", site.clone()),
        ("study", study.clone()),
        ("priority", priority.map(|priority| priority.as_str().to_owned())),
        ("expected_images", expected_images.map(|images| images.to_string())),
        ("prior_study", prior_study.clone()),
    ];
    let mut form = Form::new();
    for (name, value) in fields {
        if let Some(value) = value {
            form = form.text(name, value);
        }
    }
    let file = tokio::fs::File::open(upload.file).await.map_err(Error::file("read", upload.file))?;
    let length = file.metadata().await.map_err(Error::file("read", upload.file))?.len();
    let body = Body::wrap_stream(ReaderStream::with_capacity(file, 256 << 10));
    Ok(form.part("image", Part::stream_with_length(body, length).file_name("image")))
}
