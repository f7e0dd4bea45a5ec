//! Which reading first showed a picture to a model: the second level of deduplication. An index over the facts: it
//! may forget, and what it says is to be compared with the fact it names.

use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_events::{PictureId, ReadingId};

use hilum_streams::PICTURES;

use super::error::UnavailableError;
use super::log::Log;
use super::server::{Publish, asked};

const READ: &str = "ask for the reading of a picture";

impl Log {
    /// The reading in which the picture was seen before, if that is still known.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn reading_of_picture(
        &self,
        picture_id: PictureId,
    ) -> BoxFuture<'_, Result<Option<ReadingId>, UnavailableError>> {
        Box::pin(async move {
            use async_nats::jetstream::stream::DirectGetErrorKind::NotFound;
            let id_in = |payload: &[u8]| std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok());
            if let Some(server) = &self.server {
                let found = asked(READ, server.last_message(PICTURES, &subject(picture_id))).await?;
                return Ok(found.and_then(|(_, payload)| id_in(&payload)));
            }
            let stream =
                self.context.get_stream_no_info(PICTURES).await.map_err(UnavailableError::new(READ))?;
            match stream.direct_get_last_for_subject(subject(picture_id)).await {
                // Anything else than an id is of another release: the picture is read once more.
                Ok(message) => Ok(id_in(&message.payload)),
                Err(error) if error.kind() == NotFound => Ok(None),
                Err(error) => Err(UnavailableError::new(READ)(error)),
            }
        })
    }

    /// Notes that `reading_id` has seen the picture. Nobody waits for the server: a note that is lost costs one
    /// forward pass, some day.
    pub fn note_picture(&self, picture_id: PictureId, reading_id: ReadingId) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let note = Bytes::from(reading_id.to_string());
            if let Some(server) = &self.server {
                let (subject, message_id, expected_last) = (subject(picture_id), None, None);
                let message = Publish { subject, payload: note, message_id, expected_last };
                // One that is lost costs as little here.
                let _ = server.publish(message).await;
                return;
            }
            if let Err(error) = self.client.publish(subject(picture_id), note).await {
                tracing::debug!(%error, "a picture could not be noted");
            }
        })
    }
}

fn subject(picture_id: PictureId) -> String {
    format!("picture.{picture_id}")
}
