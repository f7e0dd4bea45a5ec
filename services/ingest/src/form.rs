//! The form of an upload: its text fields, and the image, which goes to storage while it comes.

use std::collections::HashMap;

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use hilum_events::{ImageSource, Priority, StudyRef, Way};
use hilum_intake::{Refusal, StagedImage, Wishes};
use hilum_runtime::is_encoded;
use tokio::time::{Instant, timeout_at};

use crate::upload::Uploads;

/// Longest text field, bytes.
const MAX_TEXT_BYTES: usize = 256;

/// The fields of the form beside the image.
const TEXT_FIELDS: [&str; 5] = ["site", "study", "priority", "expected_images", "prior_study"];

/// What was read of the form so far.
#[derive(Default)]
struct Read {
    wishes: Wishes,
    /// Each text field as it came.
    said: HashMap<&'static str, String>,
    arrived: Option<StagedImage>,
}

impl Uploads {
    /// Reads the form to its end and takes the image in; on a refusal nothing of it stays.
    pub(crate) async fn read_form(&self, mut form: Multipart) -> Result<(Wishes, StagedImage), Refusal> {
        let mut read = Read::default();
        if let Err(refusal) = self.read_fields(&mut form, &mut read).await {
            self.throw_away(read.arrived).await;
            return Err(refusal);
        }
        let Read { wishes, arrived, .. } = read;
        let arrived = arrived.ok_or_else(|| {
            Refusal::Malformed("the form has no field named image; add the file there".to_owned())
        })?;
        if wishes.study.is_some() && wishes.study == wishes.prior_study {
            self.throw_away(Some(arrived)).await;
            let what = "prior_study names the study itself; name an earlier one or leave it out";
            return Err(Refusal::Malformed(what.to_owned()));
        }
        Ok((wishes, arrived))
    }

    async fn throw_away(&self, arrived: Option<StagedImage>) {
        if let Some(arrived) = arrived {
            self.intake.discard(arrived).await;
        }
    }

    async fn read_fields(&self, form: &mut Multipart, read: &mut Read) -> Result<(), Refusal> {
        let late = |_| Refusal::Stalled(self.silence_limit);
        // Fields are short: a sender that lets them trickle in gets no more time for all of them than for one silence.
        let mut deadline = Instant::now() + self.silence_limit;
        loop {
            let field = timeout_at(deadline, form.next_field()).await.map_err(late)?;
            let Some(field) = field.map_err(|error| self.broken_form(&error))? else { return Ok(()) };
            let part = field.headers();
            if is_encoded(part, &CONTENT_ENCODING) || is_transfer_encoded(part) {
                return Err(Refusal::Encoded);
            }
            let name = field.name().unwrap_or_default();
            if name == "image" {
                self.read_image(field, read).await?;
                deadline = Instant::now() + self.silence_limit;
                continue;
            }
            let Some(name) = TEXT_FIELDS.into_iter().find(|known| *known == name) else {
                let known = TEXT_FIELDS.join(", ");
                let what = format!("the form has a field that is none of image, {known}; leave it out");
                return Err(Refusal::Malformed(what));
            };
            let text = timeout_at(deadline, self.text(field)).await.map_err(late)??;
            self.take_text(name, text, read)?;
        }
    }

    async fn read_image(&self, field: Field<'_>, read: &mut Read) -> Result<(), Refusal> {
        if read.arrived.is_some() {
            return Err(Refusal::Malformed("the form has two images; send one per request".to_owned()));
        }
        // Before its bytes: what comes after them, such as site and priority, comes too late for this.
        let Wishes { priority, site, .. } = &read.wishes;
        let admitted = self.intake.admit(ImageSource::by(Way::Http), *priority, site)?;
        read.arrived = Some(self.intake.receive(admitted, field).await?);
        Ok(())
    }

    /// Takes in a text field. An empty one counts as absent; one that is repeated with another value is refused.
    fn take_text(&self, name: &'static str, text: String, read: &mut Read) -> Result<(), Refusal> {
        if text.is_empty() {
            return Ok(());
        }
        if let Some(before) = read.said.get(name) {
            let same = *before == text;
            let what = || format!("the field {name} comes twice with different values; send it once");
            return if same { Ok(()) } else { Err(Refusal::Malformed(what())) };
        }
        let wishes = &mut read.wishes;
        match name {
            "site" => wishes.site = text.parse()?,
            "study" => wishes.study = Some(StudyRef::given(&text)?),
            "prior_study" => wishes.prior_study = Some(StudyRef::given(&text)?),
            "priority" => wishes.priority = priority(&text)?,
            _ => wishes.expected_images = Some(self.expected_images(&text)?),
        }
        read.said.insert(name, text);
        Ok(())
    }

    fn expected_images(&self, text: &str) -> Result<u32, Refusal> {
        let most = self.intake.sizes.most;
        text.parse()
            .ok()
            .filter(|images| (1..=most).contains(images))
            .ok_or_else(|| Refusal::Malformed(format!("expected_images must be a number from 1 to {most}")))
    }

    async fn text(&self, mut field: Field<'_>) -> Result<String, Refusal> {
        let mut text = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(|error| self.broken_form(&error))? {
            text.extend_from_slice(&chunk);
            if text.len() > MAX_TEXT_BYTES {
                return Err(Refusal::Malformed(format!(
                    "a text field is longer than {MAX_TEXT_BYTES} bytes"
                )));
            }
        }
        String::from_utf8(text).map_err(|_| Refusal::Malformed("a text field is not UTF-8".to_owned()))
    }

    fn broken_form(&self, error: &MultipartError) -> Refusal {
        match error.status() {
            axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                Refusal::TooLong { limit_bytes: self.intake.max_upload_bytes }
            }
            _ => Refusal::of_broken_body(error),
        }
    }
}

fn priority(text: &str) -> Result<Priority, Refusal> {
    match text {
        "stat" => Ok(Priority::Stat),
        "routine" => Ok(Priority::Routine),
        _ => Err(Refusal::Malformed("priority must be stat or routine".to_owned())),
    }
}

/// Whether a part comes in other bytes than it has, as mail programs send them.
fn is_transfer_encoded(part: &HeaderMap) -> bool {
    let as_it_is = ["binary", "8bit", "7bit", "identity"];
    let encodings = part.get_all("content-transfer-encoding").iter();
    encodings
        .map(|value| value.as_bytes().trim_ascii())
        .any(|encoding| !as_it_is.iter().any(|known| encoding.eq_ignore_ascii_case(known.as_bytes())))
}
