//! What is held of what was sent: noted when an object is stored, and looked up when its sender asks.

use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use hilum_blobs::BlobStore;
use hilum_events::{Event, JobId, Site, job_image_filter};
use hilum_log::{
    CommitmentResult, HELD_INSTANCES, HeldInstance, InstanceReference, Log, UnavailableError, encoded,
    held_instance_subject,
};

use super::{CLASS_CONFLICT, CommitmentRequest, NO_SUCH_INSTANCE};

/// Instances that are looked up at a time, for each request.
const AT_ONCE: usize = 16;

/// Where it stands which instances are held.
pub(crate) struct Held {
    log: Log,
    store: BlobStore,
}

/// Log or storage is away: nothing can be said now.
#[derive(Debug, thiserror::Error)]
#[error("cannot look up what is held")]
pub(crate) struct LookUpError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Held {
    pub(crate) fn new(log: Log, store: BlobStore) -> Self {
        Self { log, store }
    }

    /// Notes the job that an instance becomes. It may be noted before the fact: what the log lacks is not held.
    pub(crate) fn note<'a>(
        &'a self,
        site: &'a Site,
        instance: InstanceReference,
        job_id: JobId,
    ) -> BoxFuture<'a, Result<(), UnavailableError>> {
        async move {
            let InstanceReference { sop_class, sop_instance } = instance;
            let subject = held_instance_subject(site, &sop_instance);
            self.log.put(&subject, encoded(&HeldInstance { sop_class, job_id })).await
        }
        .boxed()
    }

    /// Which of these instances of a site are held, in their order.
    pub(crate) fn look_up<'a>(
        &'a self,
        site: &'a Site,
        request: CommitmentRequest,
    ) -> BoxFuture<'a, Result<CommitmentResult, LookUpError>> {
        async move {
            let CommitmentRequest { transaction, references } = request;
            let looked = stream::iter(references).map(|reference| async {
                let reason = self.lacks(site, &reference).await?;
                Ok::<_, LookUpError>((reference, reason))
            });
            let looked: Vec<_> = looked.buffered(AT_ONCE).try_collect().await?;
            let (mut held, mut failed) = (Vec::new(), Vec::new());
            for (reference, reason) in looked {
                match reason {
                    None => held.push(reference),
                    Some(reason) => failed.push((reference, reason)),
                }
            }
            Ok(CommitmentResult { transaction, held, failed })
        }
        .boxed()
    }

    /// Why an instance is not held; `None` when it is: the log has the fact and the storage its object.
    async fn lacks(&self, site: &Site, reference: &InstanceReference) -> Result<Option<u16>, LookUpError> {
        let subject = held_instance_subject(site, &reference.sop_instance);
        let noted = self.log.newest(HELD_INSTANCES, &subject).await.map_err(LookUpError::of)?;
        let noted = noted.and_then(|bytes| ciborium::from_reader::<HeldInstance, _>(bytes.as_ref()).ok());
        let Some(noted) = noted else { return Ok(Some(NO_SUCH_INSTANCE)) };
        if noted.sop_class != reference.sop_class {
            return Ok(Some(CLASS_CONFLICT));
        }
        let fact = self.log.last(&job_image_filter(noted.job_id)).await.map_err(LookUpError::of)?;
        let Some(Event::ImageStored(stored)) = fact.and_then(|fact| fact.content.ok()).map(|fact| fact.event)
        else {
            return Ok(Some(NO_SUCH_INSTANCE));
        };
        let is_there = self.store.holds(&stored.image.blob).await.map_err(LookUpError::of)?;
        Ok((!is_there).then_some(NO_SUCH_INSTANCE))
    }
}

impl LookUpError {
    fn of(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}
