//! `GET /v1/studies?flagged=true`: the studies that triage rules put into the worklist.

use axum::Json;
use axum::extract::State;
use hilum_runtime::Problem;
use serde::{Deserialize, Serialize};

use super::Api;
use super::error::{bad_request, database};
use super::params::{Limit, Params};
use crate::queries::{Flagged, FlaggedFilter};

#[derive(Deserialize)]
pub(super) struct Listing {
    #[serde(default)]
    flagged: bool,
    site: Option<String>,
    rule: Option<String>,
    after: Option<u64>,
    #[serde(default)]
    limit: Limit,
}

#[derive(Serialize)]
pub(super) struct Worklist {
    studies: Vec<Flagged>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

pub(super) async fn list(
    State(api): State<Api>,
    Params(listing): Params<Listing>,
) -> Result<Json<Worklist>, Problem> {
    if !listing.flagged {
        return Err(bad_request("only flagged studies are listed; ask for /v1/studies?flagged=true"));
    }
    let name = |error: hilum_events::NameError| bad_request(error.to_string());
    let filter = FlaggedFilter {
        site: listing.site.map(TryInto::try_into).transpose().map_err(name)?,
        rule: listing.rule.map(TryInto::try_into).transpose().map_err(name)?,
        after: listing.after,
        limit: listing.limit.0,
    };
    let studies = api.queries.flagged(&filter).await.map_err(database)?;
    let full = studies.len() == filter.limit as usize;
    let next = studies.last().filter(|_| full).map(|study| study.flagged_seq);
    Ok(Json(Worklist { studies, next }))
}
