//! What writers left unfinished: named when it is too old to be an upload under way, and removed when it surely is none.

use hilum_blobs::{BlobStore, GetError, Unfinished, UnfinishedIn};
use jiff::{SignedDuration, Timestamp};

use super::names::GROWN_UP;
use crate::domain::{Action, Finding, Kind};

/// Those that are named one by one.
const NAMED: usize = 100;

/// What is unfinished at these places: what was not written to for `after` is to be removed.
pub(crate) async fn unfinished(
    blobs: &BlobStore,
    places: &[UnfinishedIn<'_>],
    after: SignedDuration,
    now: Timestamp,
) -> Result<Vec<Finding>, GetError> {
    let (mut findings, mut named) = (Vec::new(), 0);
    for place in places {
        for one in blobs.unfinished(*place).await? {
            let age = now.duration_since(one.modified_at);
            if age > after {
                findings.push(removed(one));
            } else if age > GROWN_UP {
                named += 1;
                if named <= NAMED {
                    let reason = format!("{}; it is removed when it is old enough", what(&one));
                    findings.push(Finding::named(Kind::UnfinishedUpload, reason));
                }
            }
        }
    }
    if named > NAMED {
        let reason = format!("{} more uploads were not finished", named - NAMED);
        findings.push(Finding::named(Kind::UnfinishedUpload, reason));
    }
    Ok(findings)
}

fn removed(one: Unfinished) -> Finding {
    let finding = Finding::named(Kind::UnfinishedUpload, what(&one));
    Finding { action: Action::Remove, unfinished: Some(one), ..finding }
}

fn what(one: &Unfinished) -> String {
    let Unfinished { name, size_bytes, modified_at, .. } = one;
    format!("{name} of {size_bytes} bytes, last written to at {modified_at}, was not finished")
}
