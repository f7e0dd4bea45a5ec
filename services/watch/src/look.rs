//! One look through a list: which of its objects are to be looked up, and from where on the next look does. Pure: the only times
//! are those of the store.

use std::time::Duration;

use hilum_blobs::ForeignObject;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::watches::Watch;

/// What is remembered of the looks at a watch, as a record in Hilum's own storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Of this bucket,
    pub bucket: String,
    /// and of this prefix.
    pub prefix: String,
    /// All objects that were listed and last written before were looked up.
    pub seen_until: Timestamp,
}

/// A look under way.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    watch: &'a Watch,
    /// Objects that were last written before were looked up before.
    from: Option<Timestamp>,
    newest: Option<Timestamp>,
}

impl Mark {
    /// The name of the record of a watch.
    pub(crate) fn record_of(watch: &Watch) -> String {
        format!("watch-{}", watch.name)
    }
}

impl<'a> Look<'a> {
    /// Begins to look at a watch, with what is remembered of it. An object can appear with a time in the past, for a long upload
    /// has the time of its begin; `overlap` is how far.
    pub(crate) fn begin(watch: &'a Watch, mark: Option<Mark>, overlap: Duration) -> Self {
        let mark = mark.filter(|mark| mark.bucket == watch.bucket && mark.prefix == watch.prefix);
        let newest = mark.map(|mark| mark.seen_until);
        let overlap = SignedDuration::try_from(overlap).unwrap_or(SignedDuration::MAX);
        let from = newest.map(|newest| newest.saturating_sub(overlap).unwrap_or(Timestamp::MIN));
        let from = from.into_iter().chain(watch.since).max();
        Self { watch, from, newest }
    }

    /// Whether it has to be looked up what became of a listed object.
    pub(crate) fn wants(&mut self, object: &ForeignObject) -> bool {
        if !is_content(object) || !self.watch.wants(&object.key) {
            return false;
        }
        self.newest = self.newest.max(Some(object.modified_at));
        self.from.is_none_or(|from| object.modified_at >= from)
    }

    /// What is to be remembered once the list is through; `None` when there was nothing.
    pub(crate) fn end(self) -> Option<Mark> {
        let (bucket, prefix) = (self.watch.bucket.clone(), self.watch.prefix.clone());
        self.newest.map(|seen_until| Mark { bucket, prefix, seen_until })
    }
}

/// Whether it is more than the mark of a folder, which consoles make.
pub(crate) fn is_content(object: &ForeignObject) -> bool {
    object.size_bytes > 0 && !object.key.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watches::Watches;

    const HOUR: Duration = Duration::from_secs(3600);

    fn watches(more: &str) -> Watches {
        Watches::parse(&format!("[[watch]]\nname = \"a\"\nurl = \"s3://drop\"\nprefix = \"in/\"\n{more}\n"))
            .unwrap()
    }

    fn object(key: &str, second: i64) -> ForeignObject {
        let modified_at = Timestamp::from_second(second).unwrap();
        ForeignObject { key: key.to_owned(), size_bytes: 1, e_tag: None, modified_at }
    }

    fn mark(second: i64) -> Mark {
        let seen_until = Timestamp::from_second(second).unwrap();
        Mark { bucket: "drop".to_owned(), prefix: "in/".to_owned(), seen_until }
    }

    #[test]
    fn the_first_look_is_at_everything_and_the_next_one_only_at_what_is_new_or_nearly() {
        let watches = watches("suffixes = [\".dcm\"]");
        let mut look = Look::begin(&watches.watches[0], None, HOUR);
        assert!(look.wants(&object("in/a.dcm", 10)) && look.wants(&object("in/b.dcm", 90_000)));
        assert!(!look.wants(&object("in/c.txt", 99_000)));
        assert!(!look.wants(&ForeignObject { size_bytes: 0, ..object("in/d.dcm", 99_000) }));
        let seen = look.end();
        assert_eq!(seen, Some(mark(90_000)));
        let mut look = Look::begin(&watches.watches[0], seen, HOUR);
        let wanted = [86_399, 86_400, 90_000, 90_001].map(|second| look.wants(&object("in/e.dcm", second)));
        assert_eq!(wanted, [false, true, true, true]);
        assert_eq!(look.end(), Some(mark(90_001)));
    }

    #[test]
    fn what_is_remembered_is_of_its_prefix_and_never_goes_back() {
        let watches = watches("");
        let of_other = Mark { prefix: "out/".to_owned(), ..mark(90_000) };
        assert!(Look::begin(&watches.watches[0], Some(of_other), HOUR).wants(&object("in/a", 1)));
        assert_eq!(Look::begin(&watches.watches[0], None, HOUR).end(), None);
        let mut look = Look::begin(&watches.watches[0], Some(mark(90_000)), HOUR);
        assert!(!look.wants(&object("in/a", 1)));
        assert_eq!(look.end(), Some(mark(90_000)));
    }

    #[test]
    fn what_is_older_than_the_watch_wants_is_left() {
        let watches = watches("since = \"1970-01-02T00:00:00Z\"");
        let mut look = Look::begin(&watches.watches[0], None, HOUR);
        assert_eq!([86_399, 86_400].map(|second| look.wants(&object("in/a", second))), [false, true]);
        let mut look = Look::begin(&watches.watches[0], Some(mark(10)), HOUR);
        assert!(!look.wants(&object("in/a", 86_399)));
    }

    #[test]
    fn a_million_objects_cost_a_look_no_memory() {
        let watches = watches("");
        let mut look = Look::begin(&watches.watches[0], Some(mark(2_000_000)), HOUR);
        let listed = (0..1_000_000).map(|number| object("in/a", number));
        assert_eq!(listed.filter(|object| look.wants(object)).count(), 0);
        assert_eq!(look.end(), Some(mark(2_000_000)));
    }
}
