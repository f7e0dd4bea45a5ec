//! Which dead letters are meant.

use clap::Args;
use hilum_api::DeadLetter;
use hilum_client::{Answer, Client};

use super::LetterState;
use super::moment::Moment;
use crate::error::Error;

/// Dead letters asked for at a time.
const PAGE: usize = 500;

/// Filters; all that are given must hold.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Filters {
    /// This one, by its id; may be given several times, and not with other filters
    #[arg(long = "id", value_name = "ID", conflicts_with_all = ["service", "reason", "job", "site", "since", "until"])]
    pub(super) ids: Vec<u64>,
    /// Given up by this service: dedupe, infer, deliver or sweep
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// With these words in the reason
    #[arg(long, value_name = "WORDS")]
    reason: Option<String>,
    /// Of this job
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    /// Of this site
    #[arg(long)]
    site: Option<String>,
    /// Given up then or later: a time such as 2026-01-31T12:00:00Z, or 30m, 2h, 1d ago
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Given up before then
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
}

/// What a stack answered.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Newest first; in the order of the ids if ids were given.
    pub(super) letters: Vec<Answer<DeadLetter>>,
    /// The limit cut the rest off.
    pub(super) more: bool,
    /// Messages that the stack can't read.
    pub(super) unreadable: u64,
}

impl Filters {
    /// Whether anything at all is meant.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.query().is_empty()
    }

    /// At most `limit` of those that are meant.
    ///
    /// # Errors
    /// When the stack refuses, or an id is not one.
    pub(super) async fn select(
        &self,
        client: &Client,
        state: LetterState,
        limit: usize,
    ) -> Result<Found, Error> {
        let mut found = Found::default();
        if !self.ids.is_empty() {
            for id in &self.ids {
                found.letters.push(client.dead_letter(*id).await?.map(|story| story.letter));
            }
            return Ok(found);
        }
        let mut query = self.query();
        query.push(("state", state.as_str().to_owned()));
        let mut after: Option<u64> = None;
        loop {
            let mut page_query = query.clone();
            page_query.push(("limit", PAGE.min(limit - found.letters.len()).to_string()));
            page_query.extend(after.map(|after| ("after", after.to_string())));
            let page = client.dead_letters(&page_query).await?;
            found.unreadable = page.unreadable;
            found.letters.extend(page.dead_letters);
            found.more = page.next.is_some();
            if !found.more || found.letters.len() >= limit {
                return Ok(found);
            }
            after = page.next;
        }
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let moment = |moment: Option<Moment>| moment.map(|moment| moment.0.to_string());
        let fields = [
            ("service", self.service.clone()),
            ("reason", self.reason.clone()),
            ("job", self.job.clone()),
            ("site", self.site.clone()),
            ("since", moment(self.since)),
            ("until", moment(self.until)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}
