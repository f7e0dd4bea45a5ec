//! `…/metadata`: what objects say of themselves, without bulk data (PS3.18, 10.4.1.1.2).

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hilum_api::{Problem, ProblemType};

use super::refusal::{not_acceptable, not_read};
use super::search::respond;
use super::{Named, OfSite, accept, base};
use crate::api::Api;
use crate::api::params::Params;
use crate::dicomweb::answer::{Wanted, metadata};
use crate::dicomweb::media;
use crate::headers::HeaderError;

/// The most objects that are told of at once: their headers are in memory together.
const OBJECTS_MAX: usize = 500;

pub(super) async fn retrieve(
    State(api): State<Api>,
    Path(named): Path<Named>,
    Params(of): Params<OfSite>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let dicomweb = api.dicomweb()?;
    if !media::takes_json(accept(&headers)) {
        return Err(not_acceptable("metadata comes as application/dicom+json"));
    }
    let held = api.held(named, of.site.as_deref()).await?;
    if held.len() > OBJECTS_MAX {
        let detail = format!(
            "the headers of more than {OBJECTS_MAX} objects are meant; ask for them series by series"
        );
        return Err(Problem::new(ProblemType::TooBroad, detail));
    }
    let (wanted, base) = (Wanted::all(dicomweb.access), base(&headers));
    let (mut told, mut unread) = (Vec::new(), 0);
    for held in &held {
        let header = match dicomweb.headers.of(&held.blob()).await {
            Ok(header) => Some(header),
            Err(HeaderError::Unreadable(_)) => None,
            Err(error) => return Err(not_read(&held.blob(), &error)),
        };
        unread += usize::from(header.is_none());
        told.push(metadata(held, header, &wanted, &base));
    }
    let warning = (unread > 0)
        .then(|| format!("the headers of {unread} of these can't be read; their identifiers are told alone"));
    Ok(respond(told, warning.as_slice()))
}
