//! The study that a caller means by a text.

use futures::future::BoxFuture;
use hilum_events::{Site, StudyId, study_images_filter, study_manifests_filter};

use crate::domain::studies_meant;
use crate::intake::Intake;
use crate::refusal::Refusal;

/// A study that a caller means, and the site of its images if it has any.
pub struct MeantStudy {
    /// Its id.
    pub study_id: StudyId,
    /// Where its images came from.
    pub site: Option<Site>,
}

impl Intake {
    /// The study that a caller means by `named`: the one with that id if there is one, so that no name hides an id; else the
    /// one of that name at `site`.
    ///
    /// # Errors
    /// When the log is away.
    pub fn study_meant<'a>(
        &'a self,
        named: &'a str,
        site: &'a Site,
    ) -> BoxFuture<'a, Result<MeantStudy, Refusal>> {
        Box::pin(async move {
            let studies = studies_meant(named, site);
            if let Some(study_id) = studies.with_id {
                for filter in [study_images_filter(study_id), study_manifests_filter(study_id)] {
                    if let Some(site) = self.site_of(&filter).await? {
                        return Ok(MeantStudy { study_id, site: Some(site) });
                    }
                }
            }
            let study_id = studies.named;
            Ok(MeantStudy { study_id, site: self.site_of(&study_images_filter(study_id)).await? })
        })
    }

    /// The site of the newest fact of this kind.
    async fn site_of(&self, filter: &str) -> Result<Option<Site>, Refusal> {
        let newest = self.log.last(filter).await?;
        Ok(newest.as_ref().and_then(|newest| newest.envelope()).map(|envelope| envelope.site.clone()))
    }
}
