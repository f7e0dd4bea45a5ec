//! What writers left unfinished: named when it is too old to be an upload under way, and removed when it surely is none.

use hilum_blobs::{BlobStore, GetError, Unfinished, UnfinishedIn};
use jiff::{SignedDuration, Timestamp};

use crate::domain::{Action, Discrepancy, Kind};

/// Younger objects may belong to an upload under way.
pub(super) const GROWN_UP: SignedDuration = SignedDuration::from_hours(1);
/// Those that are named one by one.
const NAMED: usize = 100;

/// What is unfinished at these places: what was not written to for `after` is to be removed.
pub(crate) async fn unfinished(
    blobs: &BlobStore,
    places: &[UnfinishedIn<'_>],
    after: SignedDuration,
    now: Timestamp,
) -> Result<Vec<Discrepancy>, GetError> {
    let (mut discrepancies, mut named) = (Vec::new(), 0);
    for place in places {
        for one in blobs.unfinished(*place).await? {
            let age = now.duration_since(one.modified_at);
            if age > after {
                discrepancies.push(removed(one));
            } else if age > GROWN_UP {
                named += 1;
                if named <= NAMED {
                    let reason = format!("{}; it is removed when it is old enough", what(&one));
                    discrepancies.push(Discrepancy::named(Kind::UnfinishedUpload, reason));
                }
            }
        }
    }
    if named > NAMED {
        let reason = format!("{} more uploads were not finished", named - NAMED);
        discrepancies.push(Discrepancy::named(Kind::UnfinishedUpload, reason));
    }
    Ok(discrepancies)
}

fn removed(one: Unfinished) -> Discrepancy {
    let discrepancy = Discrepancy::named(Kind::UnfinishedUpload, what(&one));
    Discrepancy { action: Action::Remove, unfinished: Some(Box::new(one)), ..discrepancy }
}

fn what(one: &Unfinished) -> String {
    let Unfinished { name, size_bytes, modified_at, .. } = one;
    format!("{name} of {size_bytes} bytes, last written to at {modified_at}, was not finished")
}
