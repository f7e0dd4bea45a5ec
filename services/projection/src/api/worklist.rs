//! `GET /v1/studies?flagged=true`: the studies that triage rules put into the worklist.

use axum::Json;
use axum::extract::State;
use hilum_api::{Problem, Worklist, problems, samples};
use hilum_events::{RuleName, Site};
use serde::Deserialize;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::Api;
use super::error::{bad_request, database};
use super::params::{Limit, Params};
use crate::queries::FlaggedFilter;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// Only flagged studies are listed, so it must be `true`.
    #[serde(default)]
    #[param(required, value_type = True, inline)]
    flagged: bool,
    /// Only studies of this site.
    #[param(value_type = Option<Site>)]
    site: Option<String>,
    /// Only studies flagged by this rule.
    #[param(value_type = Option<RuleName>)]
    rule: Option<String>,
    /// `next` of the page before.
    after: Option<u64>,
    /// How many studies a page has.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, default = 50)]
    limit: Limit,
}

/// What can only be `true`, for the description.
enum True {}

impl PartialSchema for True {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).into()
    }
}

impl ToSchema for True {}

problems!(ListProblems: BadRequest);

/// The worklist: studies that triage rules flagged
///
/// The study that was flagged last first.
#[utoipa::path(
    get,
    path = "/v1/studies",
    operation_id = "listFlaggedStudies",
    tag = "studies",
    params(Listing),
    responses(
        (status = 200, description = "the studies", body = Worklist, example = json!(samples::worklist())),
        ListProblems,
    )
)]
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
    let rows = api.queries.flagged(&filter).await.map_err(database)?;
    let full = rows.len() == filter.limit as usize;
    let next = rows.last().filter(|_| full).map(|row| row.flagged_seq);
    Ok(Json(Worklist { studies: rows.into_iter().map(|row| row.study).collect(), next }))
}
