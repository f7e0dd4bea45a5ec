//! `…/frames/1`: the only frame of an object as it is stored (PS3.18, 10.4.1.1.6), for viewers that decode by themselves.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use hilum_api::Problem;

use super::refusal::{not_acceptable, not_read, withheld};
use super::{Named, OfSite, accept, boundary};
use crate::api::Api;
use crate::api::params::Params;
use crate::dicomweb::access::OBJECTS_WITHHELD;
use crate::dicomweb::media;

pub(super) async fn retrieve(
    State(api): State<Api>,
    Path(named): Path<Named>,
    Params(of): Params<OfSite>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let dicomweb = api.dicomweb()?;
    if !dicomweb.access.hands_out_objects() {
        return Err(withheld(OBJECTS_WITHHELD));
    }
    named.check_frames()?;
    let held = api.held(named, of.site.as_deref()).await?;
    let Some(held) = held.last() else { return Err(Problem::not_found("no such object")) };
    let form = media::frames(accept(&headers), &held.transfer_syntax_uid).ok_or_else(|| {
        not_acceptable(
            "a frame comes as it is stored: ask for multipart/related; type=\"application/octet-stream\"; transfer-syntax=*; it comes \
             decoded from /rendered",
        )
    })?;
    let blob = held.blob();
    let object = dicomweb.headers.object(&blob).await.map_err(|error| not_read(&blob, &error))?;
    let frame = dicomweb.headers.decoder().stored_frame(&object.bytes).await;
    let frame = frame.map_err(|error| not_read(&blob, &error.into()))?;
    let media_type = format!("{}; transfer-syntax={}", form.media_type, form.transfer_syntax_uid);
    let fixed = [(header::CACHE_CONTROL, "private, no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    if !form.in_parts {
        return Ok((fixed, [(header::CONTENT_TYPE, media_type)], frame.bytes).into_response());
    }
    let boundary = boundary();
    let head = format!(
        "--{boundary}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
        frame.bytes.len()
    );
    let mut body = head.into_bytes();
    body.extend_from_slice(&frame.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let whole = format!("multipart/related; type=\"{}\"; boundary={boundary}", form.media_type);
    Ok((fixed, [(header::CONTENT_TYPE, whole)], body).into_response())
}
