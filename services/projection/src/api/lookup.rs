//! Finding a job or a study, also when the tables lag behind the log, and waiting until something holds.

use std::time::Duration;

use hilum_api::{JobStatus, JobStep, JobWithHistory, Loss, Problem, ProblemType, StudySummary};
use hilum_events::{JobId, Site, StudyId, completed_filter, job_image_filter, job_link_filter};
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::Api;
use super::error::{bad_request, database, log};
use super::params::Wait;
use crate::job;

/// How long an id that is not in the tables is looked for.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(2);

impl Api {
    /// A job and its steps. What stands in the log is found, however far the tables are behind.
    ///
    /// # Errors
    /// 404 only if the log has no such job; 503 when that can't be known.
    pub(super) async fn story(&self, job_id: JobId) -> Result<JobWithHistory, Problem> {
        let sighting = self.queries.story(job_id).await.map_err(database)?;
        match sighting.story {
            // The door may have answered more than the tables say by now: known content is linked right behind it.
            Some(story) if story.job.status == JobStatus::Queued => {
                let caught_up = self.caught_up().await.unwrap_or(false);
                let story = self.queries.story(job_id).await.map_err(database)?.story.unwrap_or(story);
                // Without the log the tables are still an answer.
                Ok(if caught_up { story } else { self.linked_by_log(story).await.0 })
            }
            Some(story) => Ok(story),
            None => self.story_of_late(job_id).await,
        }
    }

    /// A job once it has ended, or as it is when `wait` is over.
    ///
    /// # Errors
    /// As for [`Self::story`].
    pub(super) async fn ended_story(&self, job_id: JobId, wait: Wait) -> Result<JobWithHistory, Problem> {
        if wait.0.is_zero() {
            return self.story(job_id).await;
        }
        let mut changes = self.progress.changes();
        let deadline = Instant::now() + wait.0;
        let mut place = None;
        while Instant::now() < deadline && !self.shutdown.is_cancelled() {
            let watched = match self.queries.story(job_id).await.map_err(database)?.story {
                Some(story) if story.job.status.has_ended() => return Ok(story),
                Some(story) => job::watched(&story.job),
                // Taken in a moment ago; the tables will say how it went on.
                None if self.is_in_log(job_id).await? => vec![job_id.as_uuid()],
                None => return self.story(job_id).await,
            };
            if place.is_none() {
                place = Some(self.place_to_wait()?);
            }
            self.sleep_until(changes.end_of(&watched), deadline).await;
        }
        self.story(job_id).await
    }

    /// A job that was not in the tables a moment ago.
    async fn story_of_late(&self, job_id: JobId) -> Result<JobWithHistory, Problem> {
        let last_seq = self.log.position().await.map_err(log)?.last_seq;
        self.progress.reached(last_seq, CATCH_UP_LIMIT).await;
        let sighting = self.queries.story(job_id).await.map_err(database)?;
        if let Some(story) = sighting.story {
            return Ok(story);
        }
        if sighting.folded_seq.is_some_and(|folded_seq| folded_seq >= last_seq) {
            return self.no_such_job(job_id).await;
        }
        self.story_from_log(job_id).await
    }

    async fn is_in_log(&self, job_id: JobId) -> Result<bool, Problem> {
        Ok(self.log.last(&job_image_filter(job_id)).await.map_err(log)?.is_some())
    }

    /// Whether the tables hold all that the log holds now; waits a little until they do.
    ///
    /// # Errors
    /// 503 when the log is away.
    pub(super) async fn caught_up(&self) -> Result<bool, Problem> {
        let last_seq = self.log.position().await.map_err(log)?.last_seq;
        Ok(self.progress.reached(last_seq, CATCH_UP_LIMIT).await)
    }

    /// Waits for a change, for `deadline` or for the end of the service.
    pub(super) async fn sleep_until(&self, change: impl Future<Output = ()>, deadline: Instant) {
        tokio::select! {
            () = change => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = self.shutdown.cancelled() => {}
        }
    }

    /// One of the places for requests that wait.
    ///
    /// # Errors
    /// 503 when all are taken.
    pub(super) fn place_to_wait(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.waiting.try_acquire().map_err(|_| {
            Problem::unavailable(format!(
                "{} requests wait already; try again without `wait`",
                self.waiting_max
            ))
        })
    }

    /// A study by its id or by the name its sender gave it.
    ///
    /// # Errors
    /// 400 for a bad site, 404 if there is none, 409 if several sites have one of that name.
    pub(super) async fn study(&self, name: &str, site: Option<&str>) -> Result<StudySummary, Problem> {
        let site: Option<Site> = site.map(str::parse).transpose().map_err(|e| bad_request(format!("{e}")))?;
        if let Some(study) = self.study_in_tables(name, site.as_ref()).await? {
            return Ok(study);
        }
        let caught_up = self.caught_up().await?;
        match self.study_in_tables(name, site.as_ref()).await? {
            Some(study) => Ok(study),
            None if caught_up => {
                Err(Problem::not_found("there is no such study; give its id or its sender's name"))
            }
            None => Err(Problem::unavailable("the database is behind the event log; try again")),
        }
    }

    async fn study_in_tables(
        &self,
        name: &str,
        site: Option<&Site>,
    ) -> Result<Option<StudySummary>, Problem> {
        // With the site the id follows from the name, also from a DICOM Study Instance UID.
        let named = site.map(|site| StudyId::named(site, name));
        let with_id = name.parse::<StudyId>().ok();
        let ids: Vec<StudyId> = with_id.into_iter().chain(named).collect();
        let mut found = self.queries.studies(&ids, Some(name)).await.map_err(database)?;
        if let Some(site) = site {
            found.retain(|study| study.site == *site);
        }
        // A name can look like an id. It hides no study with that id, which has no other.
        if let Some(place) = found.iter().position(|study| Some(study.study_id) == with_id) {
            return Ok(Some(found.swap_remove(place)));
        }
        if found.len() > 1 {
            let sites: Vec<&str> = found.iter().map(|study| study.site.as_str()).collect();
            let detail = format!("sites {} have a study of this name; add ?site=", sites.join(", "));
            return Err(Problem::new(ProblemType::AmbiguousStudy, detail));
        }
        Ok(found.pop())
    }

    /// The tables hold all that the log held when we asked, and not this job.
    async fn no_such_job(&self, job_id: JobId) -> Result<JobWithHistory, Problem> {
        if self.queries.is_set_aside(job_id).await.map_err(database)? {
            return Err(Problem::unavailable("this release can't read the job's events; they are kept"));
        }
        match self.queries.losses_of_job(job_id).await.map_err(database)?.first() {
            Some(loss) => Err(lost(loss)),
            None => Err(Problem::not_found("there is no such job")),
        }
    }

    /// For tables that are too far behind: the log itself shows that the job is queued, or which job's reading it shares.
    async fn story_from_log(&self, job_id: JobId) -> Result<JobWithHistory, Problem> {
        let found = self.log.last(&job_image_filter(job_id)).await.map_err(log)?;
        let Some(recorded) = found else {
            return Err(Problem::not_found("there is no such job"));
        };
        let queued = recorded.envelope().and_then(|envelope| {
            let job = job::queued(envelope, recorded.stored_at, recorded.trace_id())?;
            Some((job, envelope.occurred_at))
        });
        let Some((job, at)) = queued else {
            return Err(Problem::unavailable("this release can't read the job's events; they are kept"));
        };
        let event = "image-stored".to_owned();
        let step = JobStep { seq: recorded.seq, event, at, resolution: None };
        let (story, asked) =
            self.linked_by_log(JobWithHistory { job, history: vec![step], losses: Vec::new() }).await;
        asked.map(|()| story)
    }

    /// A job that the tables know as queued at most, with the reading that the log says it shares. The job as it was,
    /// with the problem, when the log does not answer.
    async fn linked_by_log(&self, mut story: JobWithHistory) -> (JobWithHistory, Result<(), Problem>) {
        let asked = async {
            let Some(link) = self.log.last(&job_link_filter(story.job.job_id)).await.map_err(log)? else {
                return Ok(());
            };
            let Some(reading_id) =
                link.envelope().and_then(|fact| job::link(&mut story, link.seq, fact, link.stored_at))
            else {
                return Ok(());
            };
            let read = self.log.last(&completed_filter(reading_id)).await.map_err(log)?;
            if let Some((read, fact)) = read.as_ref().and_then(|read| Some((read, read.envelope()?))) {
                job::complete(&mut story, read.seq, read.stored_at, fact.occurred_at);
            }
            Ok(())
        };
        let asked = asked.await;
        (story, asked)
    }
}

/// 410: the job was taken in, and the log has lost its facts.
fn lost(loss: &Loss) -> Problem {
    let Loss { lost_seq, event, accepted_at, accepted_by, accepted_why } = loss;
    let detail = format!(
        "the event log has lost this job's {event} at position {lost_seq}, which {accepted_by} accepted at {accepted_at} \
         ({accepted_why}); send the image again"
    );
    Problem::new(ProblemType::Lost, detail)
}
