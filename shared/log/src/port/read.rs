//! All facts under a filter, and how many they are. The server walks what fits: ask of a study or a reading, never of a site.

use async_nats::jetstream::stream::Stream;
use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use hilum_streams::EVENTS;

use super::error::UnavailableError;
use super::log::Log;
use super::recorded::Recorded;
use super::server::asked;

impl Log {
    /// How many subjects under `filter` have a fact: each fact has a subject of its own.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn count<'a>(&'a self, filter: &'a str) -> BoxFuture<'a, Result<u64, UnavailableError>> {
        Box::pin(async move {
            let stream: Stream = self.events().await?;
            let failed = "count facts";
            let subjects = stream.info_with_subjects(filter).await.map_err(UnavailableError::new(failed))?;
            subjects
                .try_fold(0, |count, _| std::future::ready(Ok(count + 1)))
                .await
                .map_err(UnavailableError::new(failed))
        })
    }

    /// All facts under `filters` that stand in the log now, in its order.
    ///
    /// # Errors
    /// When the server is away, or hands out fewer than it counts: then the log has a hole.
    pub fn all_under<'a>(
        &'a self,
        filters: &'a [&'a str],
    ) -> BoxFuture<'a, Result<Vec<Recorded>, UnavailableError>> {
        Box::pin(async move {
            // Before all else: what is appended meanwhile only adds to what is found.
            let counted = self.count_under(filters).await?;
            let mut last_seq = 0;
            for filter in filters {
                last_seq = last_seq.max(self.last(filter).await?.map_or(0, |recorded| recorded.seq));
            }
            let mut found = Vec::new();
            let mut follower = self.follow(0, filters);
            while found.last().map_or(0, |recorded: &Recorded| recorded.seq) < last_seq {
                found.push(follower.next().await);
            }
            found.retain(|recorded| recorded.seq <= last_seq);
            if found.len() < counted {
                let seen = format!("the server counts {counted} and hands out {}", found.len());
                return Err(UnavailableError::new("read all facts under a filter")(seen));
            }
            Ok(found)
        })
    }

    /// How many facts the server says stand under these filters, none of which has a subject of another.
    async fn count_under(&self, filters: &[&str]) -> Result<usize, UnavailableError> {
        if let Some(server) = &self.server {
            return asked("count facts", server.count_facts(filters)).await;
        }
        let stream = self.context.get_stream_no_info(EVENTS).await;
        let stream = stream.map_err(UnavailableError::new("open the event stream"))?;
        let mut counted = 0;
        for filter in filters {
            let subjects = stream.info_with_subjects(*filter).await;
            let subjects = subjects.map_err(UnavailableError::new("count facts"))?;
            let counts: Vec<(String, usize)> =
                subjects.try_collect().await.map_err(UnavailableError::new("count facts"))?;
            counted += counts.into_iter().map(|(_, count)| count).sum::<usize>();
        }
        Ok(counted)
    }
}
