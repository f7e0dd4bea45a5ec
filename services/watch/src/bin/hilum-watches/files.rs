//! Commands about the file of watches.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::process::ExitCode;

use clap::Args;
use hilum_terminal::Output;
use hilum_watch::{Meaning, OwnPlaces, Watch, Watched, Watches, WatchesError};
use serde_json::json;
use toml::Value;

use crate::FileArgs;
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct TestArgs {
    /// Its key
    key: String,
    /// Its bucket; by default that of the watches, if all have the same
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// What logs and metrics call it: 1 to 32 of a-z, digits and -
    #[arg(long)]
    name: String,
    /// What is watched: s3://bucket or file:///folder
    #[arg(long, value_name = "URL")]
    url: String,
    /// What keys begin with
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// What keys end with; can be given several times
    #[arg(long = "suffix", value_name = "TEXT")]
    suffixes: Vec<String>,
    /// Whose images they are
    #[arg(long)]
    site: Option<String>,
    /// How soon their readings are wanted: stat or routine
    #[arg(long)]
    priority: Option<String>,
    /// Pattern that keys must fit, with the groups site, study and priority
    #[arg(long, value_name = "PATTERN")]
    key_pattern: Option<String>,
    /// Where the bucket is, if not at AWS
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    #[command(flatten)]
    file: FileArgs,
}

impl FileArgs {
    fn own_places(&self) -> Result<OwnPlaces, Error> {
        match &self.store_url {
            Some(store_url) => Ok(OwnPlaces::new(store_url, self.targets.as_deref())?),
            None => Ok(OwnPlaces::default()),
        }
    }

    fn read(&self) -> Result<Watches, Error> {
        Ok(Watches::read(&self.watches, &self.own_places()?)?)
    }
}

/// `hilum watch list`.
pub(super) fn list(args: &FileArgs, output: Output) -> Result<ExitCode, Error> {
    let watches = args.read()?.watches;
    let row = |watch: &Watch| {
        let suffixes = if watch.suffixes.is_empty() { "any".to_owned() } else { watch.suffixes.join(" ") };
        let (site, priority) = (watch.rules.site.to_string(), watch.rules.priority.as_str().to_owned());
        vec![watch.name.clone(), watch.bucket.clone(), watch.prefix.clone(), suffixes, site, priority]
    };
    if watches.is_empty() {
        output.say("nothing is watched: `hilum watch add` adds a watch");
    } else {
        output.table(&["watch", "bucket", "prefix", "suffixes", "site", "priority"], watches.iter().map(row));
    }
    for watch in &watches {
        output.object(&json!({
            "name": watch.name, "bucket": watch.bucket, "prefix": watch.prefix, "suffixes": watch.suffixes,
            "site": watch.rules.site, "priority": watch.rules.priority,
        }));
    }
    Ok(ExitCode::SUCCESS)
}

/// `hilum watch test`.
pub(super) fn test(args: &TestArgs, output: Output) -> Result<ExitCode, Error> {
    let watches = args.file.read()?;
    let of_all = watches.watches.first().map(|watch| watch.bucket.clone());
    let of_all = of_all.filter(|bucket| watches.watches.iter().all(|watch| watch.bucket == *bucket));
    let bucket = args.bucket.clone().or(of_all).unwrap_or_default();
    let (why, watch) = match watches.watching(&bucket, &args.key) {
        Watched::By(watch) => match watch.rules.by_key(&args.key) {
            Ok(meaning) => return Ok(taken(watch, &meaning, output)),
            Err(error) => (error.to_string(), Some(watch.name.clone())),
        },
        Watched::OtherSuffix => ("its key ends with none of the suffixes that are wanted".to_owned(), None),
        Watched::No if bucket.is_empty() => {
            ("say in which --bucket it is: there are several".to_owned(), None)
        }
        Watched::No => ("no watch has its bucket and the begin of its key".to_owned(), None),
    };
    output.say(format_args!("not taken: {why}"));
    output.object(&json!({ "watch": watch, "taken": false, "reason": why }));
    Ok(ExitCode::FAILURE)
}

fn taken(watch: &Watch, meaning: &Meaning, output: Output) -> ExitCode {
    let Meaning { site, study, priority } = meaning;
    let study_text = study.as_ref().map_or("that of its header".to_owned(), ToString::to_string);
    output.say(format_args!(
        "taken by {}: site {site}, study {study_text}, {}{}",
        watch.name,
        priority.as_str(),
        if watch.rules.metadata { "; its metadata may say otherwise where the key says nothing" } else { "" }
    ));
    output.object(&json!({
        "watch": watch.name, "taken": true, "site": site, "study": study, "priority": priority,
    }));
    ExitCode::SUCCESS
}

/// `hilum watch add`.
pub(super) fn add(args: &AddArgs, output: Output) -> Result<ExitCode, Error> {
    let path = &args.file.watches;
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(WatchesError::Read { path: path.clone(), source }.into()),
    };
    let text = before + &args.table();
    let watches = Watches::parse(&text);
    let watches = watches.map_err(|source| WatchesError::Content { path: path.clone(), source })?;
    args.file.own_places()?.check(&watches)?;
    let fresh = path.with_extension("new");
    let written = fs::write(&fresh, &text).and_then(|()| fs::rename(&fresh, path));
    written.map_err(|source| Error::Write { path: path.clone(), source })?;
    let name = &args.name;
    output.say(format_args!(
        "{name} is watched from the next start of `hilum up --watches {}`",
        path.display()
    ));
    output.object(&json!({ "name": name, "file": path }));
    Ok(ExitCode::SUCCESS)
}

impl AddArgs {
    /// The table as it is appended to the file.
    fn table(&self) -> String {
        let text = |value: &Option<String>| value.clone().map(Value::String);
        let suffixes = self.suffixes.iter().cloned().map(Value::String).collect::<Vec<_>>();
        let keys = [
            ("name", Some(Value::String(self.name.clone()))),
            ("url", Some(Value::String(self.url.clone()))),
            ("endpoint_url", text(&self.endpoint_url)),
            ("prefix", text(&self.prefix)),
            ("suffixes", (!suffixes.is_empty()).then_some(Value::Array(suffixes))),
            ("site", text(&self.site)),
            ("priority", text(&self.priority)),
            ("key_pattern", text(&self.key_pattern)),
        ];
        let mut table = String::from("\n[[watch]]\n");
        for (key, value) in keys {
            if let Some(value) = value {
                let _ = writeln!(table, "{key} = {value}");
            }
        }
        table
    }
}
