//! `hilum study close` and `hilum study manifest`: what a sender says of a study.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hilum_api::Manifest;
use hilum_client::files_in;
use hilum_events::Sha256Digest;
use hilum_terminal::Output;

use super::StackArgs;
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct CloseArgs {
    /// The study's id, or the name its sender gave it
    id: String,
    /// The site of the name, if it is not the default
    #[arg(long)]
    site: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Debug, Args)]
pub(super) struct ManifestArgs {
    /// The study's id, or the name its sender gives it
    id: String,
    /// Its image files, or folders with them: named in the manifest by their SHA-256, not sent
    #[arg(value_name = "PATH", required_unless_present_any = ["images", "sop_instance_uids"])]
    paths: Vec<PathBuf>,
    /// How many images it has in all; by default as many as are named
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    images: Option<u32>,
    /// One of its images by SOP Instance UID; can be given many times
    #[arg(long = "sop-instance-uid", value_name = "UID")]
    sop_instance_uids: Vec<String>,
    /// The site of the name, if it is not the default
    #[arg(long)]
    site: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
}

pub(super) async fn close(args: &CloseArgs, output: Output) -> Result<ExitCode, Error> {
    let answer = args.stack.client()?.close_study(&args.id, args.site.as_deref()).await?;
    output.object(&answer);
    output.say(format_args!("study {} is closed; its report follows when its images are read", args.id));
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn manifest(args: &ManifestArgs, output: Output) -> Result<ExitCode, Error> {
    let sha256 = digests(&args.paths)?;
    let sop_instance_uids: BTreeSet<String> = args.sop_instance_uids.iter().cloned().collect();
    let named = u32::try_from(sha256.len().max(sop_instance_uids.len())).unwrap_or(u32::MAX);
    let images = args.images.unwrap_or(named);
    let manifest = Manifest { images, sha256, sop_instance_uids };
    let answer = args.stack.client()?.expect_study(&args.id, args.site.as_deref(), &manifest).await?;
    output.object(&answer);
    output.say(format_args!(
        "study {} has {images} images; its report follows when they are there and read",
        args.id
    ));
    Ok(ExitCode::SUCCESS)
}

/// The digests of the files, each content once.
fn digests(paths: &[PathBuf]) -> Result<BTreeSet<Sha256Digest>, Error> {
    if paths.is_empty() {
        return Ok(BTreeSet::new());
    }
    let digest = |file: PathBuf| {
        let bytes = std::fs::read(&file).map_err(Error::file("read", &file))?;
        Ok(Sha256Digest::of(&bytes))
    };
    files_in(paths)?.into_iter().map(digest).collect()
}
