//! Uploading what is in memory, once: for measurements, which want to know of every refusal.

use axum::body::Bytes;
use futures::stream;
use hilum_events::Priority;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};

use super::{Accepted, Client};
use crate::error::Error;

impl Client {
    /// `POST /v1/jobs` with these pieces as the image, of `length` bytes in all. Not sent again when it is refused.
    pub(crate) async fn upload_content(
        &self,
        pieces: [Bytes; 3],
        length: u64,
        (site, study): (&str, &str),
    ) -> Result<Accepted, Error> {
        self.upload_urgent_content(pieces, length, (site, study), Priority::Routine).await
    }

    /// As [`Self::upload_content`], wanted as soon as `priority` says.
    pub(crate) async fn upload_urgent_content(
        &self,
        pieces: [Bytes; 3],
        length: u64,
        (site, study): (&str, &str),
        priority: Priority,
    ) -> Result<Accepted, Error> {
        let body = Body::wrap_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
        let image = Part::stream_with_length(body, length).file_name("image");
        let form = Form::new().text("site", site.to_owned()).text("study", study.to_owned());
        let form = form.text("priority", priority.as_str());
        let form = form.part("image", image);
        let request = self.request(Method::POST, &["v1", "jobs"], &[]).multipart(form);
        self.read(self.send_once(request).await?).await
    }
}
