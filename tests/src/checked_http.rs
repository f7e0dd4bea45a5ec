//! The client of the tests: an answer that `/openapi.json` does not tell of ends the test, whatever it is that the test looks at.

use hilum_api::openapi::contract::{Answer, check_answer};
use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::Form;
use reqwest::{Client, Error, RequestBuilder, Response};
use serde::Serialize;

/// Asks services; to be used for their pages only. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Http(Client);

/// A request that is not sent yet.
#[derive(Debug)]
#[must_use = "it is not sent yet"]
pub struct Request(Client, RequestBuilder);

impl Default for Http {
    fn default() -> Self {
        Self(hilum_runtime::http_client().build().unwrap())
    }
}

impl Http {
    /// The same through a client with settings of its own.
    pub fn through(client: Client) -> Self {
        Self(client)
    }

    /// `GET`.
    pub fn get(&self, url: impl AsRef<str>) -> Request {
        Request(self.0.clone(), self.0.get(url.as_ref()))
    }

    /// `POST`.
    pub fn post(&self, url: impl AsRef<str>) -> Request {
        Request(self.0.clone(), self.0.post(url.as_ref()))
    }
}

impl Request {
    /// With this body.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        Self(self.0, self.1.json(body))
    }

    /// With this body.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0, self.1.body(body))
    }

    /// With this form.
    pub fn multipart(self, form: Form) -> Self {
        Self(self.0, self.1.multipart(form))
    }

    /// With this header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0, self.1.header(name, value))
    }

    /// The answer, which the description tells of.
    ///
    /// # Errors
    /// When none comes, or not all of it.
    pub async fn send(self) -> Result<Response, Error> {
        let Self(client, request) = self;
        let request = request.build()?;
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let answer = client.execute(request).await?;
        let media_type = answer.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        let (status, headers) = (answer.status(), answer.headers().clone());
        let is_stream = media_type.as_deref().is_some_and(|it| it.starts_with("text/event-stream"));
        let check = |body: &[u8]| {
            let (status, media_type) = (status.as_u16(), media_type.as_deref());
            let answer = Answer { method: method.as_str(), path: &path, status, media_type, body };
            check_answer(answer).unwrap_or_else(|fault| panic!("{fault}"));
        };
        if is_stream {
            check(&[]);
            return Ok(answer);
        }
        let body = answer.bytes().await?;
        check(&body);
        let mut whole = http::Response::new(body);
        (*whole.status_mut(), *whole.headers_mut()) = (status, headers);
        Ok(whole.into())
    }
}
