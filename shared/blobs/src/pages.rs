//! The keys of a bucket, a page at a time. A key that can't be a path of `object_store` makes it refuse the page that it is on; such
//! a key is found by asking for smaller pages, and passed over, for one of them must not hide all others.

use std::sync::Arc;

use futures::Stream;
use futures::stream;
use object_store::aws::AmazonS3;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::{ObjectMeta, path};

use crate::bucket_error::BucketError;

/// As many as S3 gives.
pub(crate) const KEYS_A_PAGE: usize = 1000;

/// Where a listing is.
pub(crate) struct Pages<L = AmazonS3> {
    store: Arc<L>,
    prefix: String,
    place: NextPage,
    keys: usize,
    /// Whether a key that is no path is among the next ones: each page is half as long, until it is the only one.
    is_searching: bool,
}

/// Behind what the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NextPage {
    Begin,
    /// What the store said that comes next.
    Token(String),
    /// A key that can't be a path.
    Key(String),
    End,
}

impl<L: PaginatedListStore> Pages<L> {
    pub(crate) fn new(store: Arc<L>, prefix: &str) -> Self {
        Self {
            store,
            prefix: prefix.to_owned(),
            place: NextPage::Begin,
            keys: KEYS_A_PAGE,
            is_searching: false,
        }
    }

    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Vec<ObjectMeta>, BucketError>> {
        stream::try_unfold(self, async |mut pages| Ok(pages.next().await?.map(|page| (page, pages))))
    }

    async fn next(&mut self) -> Result<Option<Vec<ObjectMeta>>, BucketError> {
        while self.place != NextPage::End {
            let (page_token, offset) = match &self.place {
                NextPage::Token(token) => (Some(token.clone()), None),
                NextPage::Key(key) => (None, Some(key.clone())),
                NextPage::Begin | NextPage::End => (None, None),
            };
            let options = PaginatedListOptions {
                offset,
                page_token,
                max_keys: Some(self.keys),
                ..PaginatedListOptions::default()
            };
            let prefix = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
            match self.store.list_paginated(prefix, options).await {
                Ok(page) => {
                    self.place = page.page_token.map_or(NextPage::End, NextPage::Token);
                    self.search_on();
                    return Ok(Some(page.result.objects));
                }
                Err(object_store::Error::InvalidPath { .. }) if self.keys > 1 => {
                    self.is_searching = true;
                    self.search_on();
                }
                Err(object_store::Error::InvalidPath { source }) => {
                    tracing::warn!(
                        "a key that can't be asked for is passed over; copy its object to another key"
                    );
                    self.place = NextPage::Key(key_in(source).ok_or(BucketError::Unaddressable)?);
                    (self.is_searching, self.keys) = (false, KEYS_A_PAGE);
                }
                Err(error) => return Err(BucketError::of(error)),
            }
        }
        Ok(None)
    }

    fn search_on(&mut self) {
        // It may have been removed meanwhile.
        self.is_searching &= self.keys > 1;
        self.keys = if self.is_searching { self.keys / 2 } else { KEYS_A_PAGE };
    }
}

/// The key that is no path.
fn key_in(error: path::Error) -> Option<String> {
    match error {
        path::Error::EmptySegment { path } | path::Error::BadSegment { path, .. } => Some(path),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::TryStreamExt as _;
    use futures::future::BoxFuture;
    use object_store::ListResult;
    use object_store::list::PaginatedListResult;
    use object_store::path::Path;

    use super::*;

    /// Lists keys as S3 does, and counts what it is asked.
    struct Listing {
        keys: Vec<String>,
        requests: Mutex<usize>,
    }

    impl Listing {
        fn answer(&self, options: PaginatedListOptions) -> object_store::Result<PaginatedListResult> {
            *self.requests.lock().unwrap() += 1;
            let behind = options.page_token.or(options.offset);
            let begin = behind.map_or(0, |behind| self.keys.partition_point(|key| *key <= behind));
            let end = self.keys.len().min(begin + options.max_keys.unwrap());
            let page = self.keys[begin..end].iter().map(|key| {
                Ok(ObjectMeta {
                    location: Path::parse(key)?,
                    last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
                    size: 1,
                    e_tag: None,
                    version: None,
                })
            });
            let objects = page.collect::<object_store::Result<_>>()?;
            let page_token = (end < self.keys.len()).then(|| self.keys[end - 1].clone());
            let result = ListResult { common_prefixes: vec![], objects, extensions: Default::default() };
            Ok(PaginatedListResult { result, page_token })
        }
    }

    impl PaginatedListStore for Listing {
        fn list_paginated<'a, 'b, 'c>(
            &'a self,
            _: Option<&'b str>,
            options: PaginatedListOptions,
        ) -> BoxFuture<'c, object_store::Result<PaginatedListResult>>
        where
            'a: 'c,
            'b: 'c,
        {
            Box::pin(std::future::ready(self.answer(options)))
        }
    }

    async fn listed(keys: Vec<String>) -> (usize, usize) {
        let listing = Arc::new(Listing { keys, requests: Mutex::new(0) });
        let pages: Vec<_> = Pages::new(listing.clone(), "").into_stream().try_collect().await.unwrap();
        let requests = *listing.requests.lock().unwrap();
        (pages.iter().map(Vec::len).sum(), requests)
    }

    #[tokio::test]
    async fn a_page_costs_one_request() {
        let keys: Vec<_> = (0..2500).map(|number| format!("in/{number:05}")).collect();
        assert_eq!(listed(keys).await, (2500, 3));
        assert_eq!(listed(vec![]).await, (0, 1));
    }

    #[tokio::test]
    async fn a_million_keys_are_held_a_page_at_a_time() {
        let keys = (0..1_000_000).map(|number| format!("{number:06}")).collect();
        let listing = Arc::new(Listing { keys, requests: Mutex::new(0) });
        let mut pages = std::pin::pin!(Pages::new(listing.clone(), "").into_stream());
        let mut found = 0;
        while let Some(page) = pages.try_next().await.unwrap() {
            found += page.len();
            let asked = *listing.requests.lock().unwrap();
            assert_eq!((page.len(), found), (KEYS_A_PAGE, asked * KEYS_A_PAGE), "nothing is asked for ahead");
        }
        assert_eq!(found, 1_000_000);
    }

    #[tokio::test]
    async fn a_key_that_is_no_path_hides_no_other() {
        let mut keys: Vec<_> = (0..2500).map(|number| format!("in/{number:05}")).collect();
        keys.extend(["in//a", "in/00700/../b", "in/01200\u{1}", "in/x//y"].map(str::to_owned));
        keys.sort();
        let (found, requests) = listed(keys).await;
        assert_eq!(found, 2500);
        assert!(requests < 4 * 22 + 3, "{requests}");
    }
}
