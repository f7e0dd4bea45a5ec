//! `…/rendered` and `…/thumbnail`: pictures for people (PS3.18, 10.4.1.1.3 and 10.4.1.1.4). What was uploaded is decoded in the cage.

use std::io::Cursor;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use hilum_api::Problem;
use hilum_events::MediaType;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, ImageReader};
use serde::Deserialize;

use super::refusal::{not_acceptable, not_read, withheld};
use super::{Dicomweb, Named, accept};
use crate::api::Api;
use crate::api::error::{bad_request, database, internal};
use crate::api::params::Params;
use crate::dicomweb::Held;
use crate::dicomweb::access::BURNED_IN_WITHHELD;
use crate::dicomweb::media::{self, Picture};
use crate::headers::HeaderError;

/// The longest side of a thumbnail, as of the picture that is kept beside a reading.
const THUMBNAIL_SIDE_PX: u32 = 512;
/// Of JPEG, out of 100.
const QUALITY: u8 = 92;

/// What may stand behind the address of a picture.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    site: Option<String>,
    /// Width and height, pixels, within which the picture is to fit.
    viewport: Option<String>,
}

pub(super) async fn rendered(
    State(api): State<Api>,
    Path(named): Path<Named>,
    Params(shown): Params<Shown>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (dicomweb, form) = (api.dicomweb()?, form(&headers)?);
    named.check_frames()?;
    let held = shown_object(&api, dicomweb, named, shown.site.as_deref()).await?;
    let side_px = side_px(&held, shown.viewport.as_deref())?;
    respond(form, made(dicomweb, &held, side_px).await?).await
}

pub(super) async fn thumbnail(
    State(api): State<Api>,
    Path(named): Path<Named>,
    Params(shown): Params<Shown>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (dicomweb, form) = (api.dicomweb()?, form(&headers)?);
    let held = shown_object(&api, dicomweb, named, shown.site.as_deref()).await?;
    if shown.viewport.is_none()
        && let Some(preview) = api.queries.preview(held.job_id).await.map_err(database)?
        // One that can't be had is made anew.
        && let Ok(png) = api.blobs.get(&preview).await
    {
        return respond(form, png).await;
    }
    let side_px = side_px(&held, shown.viewport.as_deref())?.min(THUMBNAIL_SIDE_PX);
    respond(form, made(dicomweb, &held, side_px).await?).await
}

fn form(headers: &HeaderMap) -> Result<Picture, Problem> {
    media::picture(accept(headers)).ok_or_else(|| not_acceptable("pictures come as image/jpeg or image/png"))
}

/// The object whose picture is meant, the newest of several, if its picture can be shown.
async fn shown_object(
    api: &Api,
    dicomweb: &Dicomweb,
    named: Named,
    site: Option<&str>,
) -> Result<Held, Problem> {
    let mut held = api.held(named, site).await?;
    let Some(held) = held.pop() else { return Err(Problem::not_found("no such object")) };
    if dicomweb.access.shows_picture(None) {
        return Ok(held);
    }
    let header = match dicomweb.headers.of(&held.blob()).await {
        Ok(header) => Some(header),
        Err(HeaderError::Unreadable(_)) => None,
        Err(error) => return Err(not_read(&held.blob(), &error)),
    };
    if dicomweb.access.shows_picture(header.as_ref()) { Ok(held) } else { Err(withheld(BURNED_IN_WITHHELD)) }
}

/// The longest side of a picture that fits: all of it where nothing is said.
fn side_px(held: &Held, viewport: Option<&str>) -> Result<u32, Problem> {
    let (width, height) = (held.columns_px, held.rows_px);
    let Some(viewport) = viewport else { return Ok(width.max(height).max(1)) };
    let bad = || {
        bad_request(
            "viewport is a width and a height in pixels, such as 512,512; parts of a picture are not cut out",
        )
    };
    let (within_width, within_height) = viewport.split_once(',').ok_or_else(bad)?;
    let side =
        |text: &str| text.parse::<u32>().ok().filter(|side| (1..=65_535).contains(side)).ok_or_else(bad);
    let (within_width, within_height) = (side(within_width)?, side(within_height)?);
    let scale = f64::min(
        f64::from(within_width) / f64::from(width.max(1)),
        f64::from(within_height) / f64::from(height.max(1)),
    );
    // Never larger than it is.
    Ok(((f64::from(width.max(height)) * scale.min(1.0)).floor() as u32).max(1))
}

async fn made(dicomweb: &Dicomweb, held: &Held, side_px: u32) -> Result<Bytes, Problem> {
    let blob = held.blob();
    let object = dicomweb.headers.object(&blob).await.map_err(|error| not_read(&blob, &error))?;
    let preview = dicomweb.headers.decoder().preview(MediaType::Dicom, &object.bytes, side_px).await;
    preview.map(|preview| preview.png.into()).map_err(|error| not_read(&blob, &error.into()))
}

async fn respond(form: Picture, png: Bytes) -> Result<Response, Problem> {
    let bytes = match form {
        Picture::Png => png,
        Picture::Jpeg => {
            let made = tokio::task::spawn_blocking(move || jpeg(&png)).await;
            made.ok().flatten().ok_or_else(|| internal("the picture could not be made; ask for image/png"))?
        }
    };
    let fixed = [
        (header::CONTENT_TYPE, form.media_type()),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((fixed, bytes).into_response())
}

/// Of a PNG of our own.
fn jpeg(png: &[u8]) -> Option<Bytes> {
    let picture = ImageReader::with_format(Cursor::new(png), ImageFormat::Png).decode().ok()?.into_luma8();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&picture).ok()?;
    Some(bytes.into())
}
