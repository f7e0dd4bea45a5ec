//! How an image comes in: it is let in, its bytes go to storage while they come, its header is looked at.

use std::error::Error;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::{Stream, StreamExt as _, stream};
use hilum_events::{ImageSource, MediaType, Priority, Site};
use hilum_imaging::Inspected;
use hilum_runtime::BodyFault;
use tokio::time::Instant;

use crate::inspection::ObjectNames;
use crate::intake::Intake;
use crate::refusal::Refusal;
use crate::staging::{Admitted, StagedImage};

/// Between two looks whether there is a slot.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Intake {
    /// Lets an image in that comes so, before its bytes.
    ///
    /// # Errors
    /// When too many wait, it would wait too long, its sender sends too much, or there is no slot for it.
    pub fn admit(&self, source: ImageSource, priority: Priority, site: &Site) -> Result<Admitted, Refusal> {
        let under_way = source.sender.as_deref().map(|sender| self.senders.begin(sender)).transpose()?;
        let counted = self.gate.admit(priority, site)?;
        let slot = self.slots.take(priority, site)?;
        Ok(Admitted { counted, source, slot, under_way })
    }

    /// As [`Self::admit`], for a sender that waits meanwhile and may fail a whole study when it is refused: so long it waits for a
    /// slot.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub fn admit_within<'i>(
        &'i self,
        patience: Duration,
        source: &'i ImageSource,
        (priority, site): (Priority, &'i Site),
    ) -> BoxFuture<'i, Result<Admitted, Refusal>> {
        Box::pin(async move {
            let deadline = Instant::now() + patience;
            loop {
                match self.admit(source.clone(), priority, site) {
                    Err(Refusal::Busy | Refusal::SenderBusy) if Instant::now() < deadline => {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                    admitted => return admitted,
                }
            }
        })
    }

    /// Takes the bytes of an image in. When its slot is taken away the stream is dropped.
    ///
    /// # Errors
    /// When the first bytes are of no known type, before anything is stored; when the stream fails, with a [`BodyFault`]
    /// among its causes if the sender is at fault; when storage does. Nothing of it stays.
    pub async fn receive<S, E>(&self, mut admitted: Admitted, bytes: S) -> Result<StagedImage, Refusal>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let Admitted { slot, under_way, .. } = &mut admitted;
        let (hearing, taken_away) = (slot.hearing(), slot.taken_away());
        let limit = slot.makes_room_after();
        let given_up = stream::once(async {
            let stalled = || Box::<dyn Error + Send + Sync>::from(BodyFault::Stalled { limit });
            taken_away.is_cancelled().then(|| Err(stalled()))
        });
        let given_up = given_up.filter_map(std::future::ready);
        let pieces = bytes.map(|piece| {
            hearing.heard();
            if let (Some(under_way), Ok(piece)) = (under_way.as_mut(), &piece) {
                under_way.received(piece.len());
            }
            piece.map_err(Into::into)
        });
        let mut chunks = Box::pin(pieces.take_until(taken_away.cancelled()).chain(given_up));
        let mut prefix = BytesMut::new();
        while prefix.len() < MediaType::PREFIX_LEN {
            match chunks.next().await {
                Some(Ok(chunk)) => prefix.extend_from_slice(&chunk),
                Some(Err(error)) => return Err(Refusal::of_broken_body(&*error)),
                None => break,
            }
        }
        if prefix.is_empty() {
            return Err(Refusal::Malformed("the image is empty; send the whole file".to_owned()));
        }
        let media_type = MediaType::recognise(&prefix).ok_or(Refusal::UnknownType)?;
        let all = stream::once(async { Ok(prefix.freeze()) }).chain(chunks);
        let received = self.store.receive(all, self.max_upload_bytes).await?;
        Ok(StagedImage { media_type, received, admitted, inspected: None })
    }

    /// What the header of a DICOM object says, for a door that compares it with what the sender said; `None` for a picture of
    /// another type. It is read once: [`Self::store`] uses the same.
    ///
    /// # Errors
    /// When it can't be read. The image is still there then, for [`Self::discard`].
    pub fn inspect<'i>(
        &'i self,
        staged: &'i mut StagedImage,
    ) -> BoxFuture<'i, Result<Option<&'i Inspected>, Refusal>> {
        Box::pin(async move {
            if staged.media_type != MediaType::Dicom {
                return Ok(None);
            }
            if staged.inspected.is_none() {
                staged.inspected = Some(self.inspector.inspect(&self.store, &staged.received).await?);
            }
            Ok(staged.inspected.as_ref())
        })
    }

    /// As [`Self::inspect`], for an object whose picture no model reads and that is to be kept all the same: its reading will fail,
    /// and say why.
    ///
    /// # Errors
    /// When its header can't be read, or does not identify it.
    pub fn identify_unread<'i>(
        &'i self,
        staged: &'i mut StagedImage,
    ) -> BoxFuture<'i, Result<&'i Inspected, Refusal>> {
        Box::pin(async move {
            let inspected = self.inspector.identify(&staged.received).await?;
            Ok(&*staged.inspected.insert(inspected))
        })
    }

    /// What identifies a DICOM object that can't be inspected, if its header can be read that far.
    pub fn names<'i>(&'i self, staged: &'i StagedImage) -> BoxFuture<'i, Option<ObjectNames>> {
        Box::pin(self.inspector.names(&staged.received))
    }
}
