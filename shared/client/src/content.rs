//! Uploading what is in memory, once: for measurements, which want to know of every refusal.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use hilum_api::Accepted;
use hilum_events::Priority;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};

use crate::answer::Answer;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// `POST /v1/jobs` with these pieces as the image, of `length` bytes in all. Not sent again when it is refused.
    pub fn upload_content<'a>(
        &'a self,
        pieces: [Bytes; 3],
        length: u64,
        (site, study): (&'a str, &'a str),
    ) -> BoxFuture<'a, Result<Answer<Accepted>, Error>> {
        Box::pin(
            async move { self.upload_urgent_content(pieces, length, (site, study), Priority::Routine).await },
        )
    }

    /// As [`Self::upload_content`], wanted as soon as `priority` says.
    pub fn upload_urgent_content<'a>(
        &'a self,
        pieces: [Bytes; 3],
        length: u64,
        (site, study): (&'a str, &'a str),
        priority: Priority,
    ) -> BoxFuture<'a, Result<Answer<Accepted>, Error>> {
        Box::pin(async move {
            let body = Body::wrap_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
            let image = Part::stream_with_length(body, length).file_name("image");
            let form = Form::new().text("site", site.to_owned()).text("study", study.to_owned());
            let form = form.text("priority", priority.as_str());
            let form = form.part("image", image);
            let request = self.request(Method::POST, &["v1", "jobs"], &[]).multipart(form);
            self.read(self.send_once(request).await?).await
        })
    }
}
