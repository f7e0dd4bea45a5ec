//! The file as it is written, and the checks that make watches of it. Every fault names its line.

use std::ops::Range;

use hilum_blobs::StoreConfig;
use hilum_events::Site;
use jiff::Timestamp;
use regex::{Regex, RegexBuilder};
use reqwest::Url;
use serde::Deserialize;
use toml::Spanned;

use super::overlap::WatchedPlace;
use super::rules::{GROUPS, Rules, priority};
use super::{Fault, RESULT_SUFFIX, ResultsPlace, Watch, Watches};

/// So many watches are more than anybody has.
const WATCHES_MAX: usize = 64;
const SUFFIXES_MAX: usize = 32;
const PATTERN_MAX_CHARS: usize = 500;
/// What a compiled pattern may take, bytes.
const PATTERN_SIZE_LIMIT: usize = 1 << 18;
/// The longest key of S3, bytes.
const PREFIX_MAX_BYTES: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sns_endpoint: Option<Spanned<String>>,
    #[serde(default)]
    watch: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Spanned<String>,
    url: Spanned<String>,
    endpoint_url: Option<String>,
    region: Option<String>,
    access_key_id_env: Option<Spanned<String>>,
    secret_access_key_env: Option<Spanned<String>>,
    prefix: Option<Spanned<String>>,
    suffixes: Option<Spanned<Vec<String>>>,
    since: Option<Spanned<String>>,
    site: Option<Site>,
    priority: Option<Spanned<String>>,
    key_pattern: Option<Spanned<String>>,
    metadata: Option<bool>,
    archives: Option<bool>,
    results: Option<Spanned<String>>,
}

pub(super) fn parse(text: &str) -> Result<Watches, Fault> {
    let reader = Reader { text };
    let file: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        reader.fault(&span, error.message())
    })?;
    if let Some(table) = file.watch.get(WATCHES_MAX) {
        return Err(reader.fault(&table.span(), format!("there are more than {WATCHES_MAX} watches")));
    }
    let mut watches: Vec<Watch> = Vec::new();
    for table in &file.watch {
        let watch = reader.watch(table.get_ref())?;
        if let Some(other) = watches.iter().find(|other| other.name == watch.name) {
            let what = format!("there are two watches with the name {}; give each its own", other.name);
            return Err(reader.fault(&table.get_ref().name.span(), what));
        }
        if let Some(other) = watches.iter().find(|other| other.place.is_mistaken_for(&watch.place)) {
            let what = format!(
                "the watches {} and {} overlap: an object could be of both; give them prefixes of which none begins with the other",
                other.name, watch.name
            );
            return Err(reader.fault(&table.span(), what));
        }
        watches.push(watch);
    }
    for (watch, table) in watches.iter().zip(&file.watch) {
        let (Some(results), Some(written)) = (&watch.results, &table.get_ref().results) else { continue };
        if let Some(finder) = watches.iter().find(|other| other.finds(results)) {
            let what = format!(
                "the watch {} would find the results of {}, which end with {RESULT_SUFFIX}; write them under a prefix that is not \
                 watched, or give that watch suffixes",
                finder.name, watch.name
            );
            return Err(reader.fault(&written.span(), what));
        }
    }
    let sns_endpoint = file.sns_endpoint.as_ref().map(|url| reader.url("sns_endpoint", url)).transpose()?;
    Ok(Watches { watches, sns_endpoint })
}

/// Checks what was read, and finds the lines of faults in the text it was read from.
struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn fault(&self, span: &Range<usize>, what: impl Into<String>) -> Fault {
        Fault::at(self.text, span, what)
    }

    fn watch(&self, table: &Table) -> Result<Watch, Fault> {
        let (store, place) = self.store(table)?;
        let bucket = store.url.strip_prefix("s3://").unwrap_or(&store.url).to_owned();
        let site = table.site.clone().unwrap_or_default();
        let priority = match &table.priority {
            Some(word) => priority(word.get_ref())
                .ok_or_else(|| self.fault(&word.span(), "priority must be stat or routine"))?,
            None => hilum_events::Priority::default(),
        };
        let key_pattern = table.key_pattern.as_ref().map(|pattern| self.pattern(pattern)).transpose()?;
        let since = table.since.as_ref().map(|since| self.since(since)).transpose()?;
        let results = table.results.as_ref().map(|results| self.results(table, results)).transpose()?;
        Ok(Watch {
            name: self.name(&table.name)?,
            bucket,
            prefix: self.prefix(table)?,
            suffixes: self.suffixes(table.suffixes.as_ref())?,
            since,
            rules: Rules { site, priority, key_pattern, metadata: table.metadata.unwrap_or(false) },
            store,
            place,
            archives: table.archives.unwrap_or(false),
            results,
        })
    }

    fn results(&self, table: &Table, results: &Spanned<String>) -> Result<ResultsPlace, Fault> {
        let prefix = self.key_begin("results", results)?;
        let place = WatchedPlace::at(table.url.get_ref(), table.endpoint_url.as_deref(), &prefix);
        let place = place.ok_or_else(|| self.fault(&results.span(), "results need a bucket or folder"))?;
        Ok(ResultsPlace { prefix, place })
    }

    fn name(&self, name: &Spanned<String>) -> Result<String, Fault> {
        let text = name.get_ref();
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-') {
            return Ok(text.clone());
        }
        let what = "name must be 1 to 32 of a-z, 0-9 and '-', starting with a letter or digit";
        Err(self.fault(&name.span(), what))
    }

    /// How the store is reached, and where the watched keys lie.
    fn store(&self, table: &Table) -> Result<(StoreConfig, WatchedPlace), Fault> {
        let url = table.url.get_ref();
        let is_bucket = |bucket: &str| !bucket.is_empty() && !bucket.contains('/');
        let is_one = match url.split_once("://") {
            Some(("s3", bucket)) => is_bucket(bucket),
            Some(("file", folder)) => folder.starts_with('/'),
            _ => false,
        };
        let place =
            WatchedPlace::at(url, table.endpoint_url.as_deref(), &self.prefix(table)?).filter(|_| is_one);
        let place = place.ok_or_else(|| {
            let what = "url must be s3://bucket or file:///folder; what keys begin with stands in prefix";
            self.fault(&table.url.span(), what)
        })?;
        let plain = [("aws_endpoint", &table.endpoint_url), ("aws_region", &table.region)];
        let mut options: Vec<_> =
            plain.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
        let secret = [
            ("aws_access_key_id", &table.access_key_id_env),
            ("aws_secret_access_key", &table.secret_access_key_env),
        ];
        for (name, variable) in secret {
            let Some(variable) = variable else { continue };
            let value = std::env::var(variable.get_ref()).map_err(|_| {
                let what =
                    format!("the environment variable {} is not set; put the key there", variable.get_ref());
                self.fault(&variable.span(), what)
            })?;
            options.push((name.to_owned(), value));
        }
        Ok((StoreConfig { options, ..StoreConfig::at(url) }, place))
    }

    fn prefix(&self, table: &Table) -> Result<String, Fault> {
        table.prefix.as_ref().map_or(Ok(String::new()), |prefix| self.key_begin("prefix", prefix))
    }

    /// What keys begin with.
    fn key_begin(&self, name: &str, prefix: &Spanned<String>) -> Result<String, Fault> {
        let text = prefix.get_ref();
        if text.len() <= PREFIX_MAX_BYTES && !text.starts_with('/') && !text.chars().any(char::is_control) {
            return Ok(text.clone());
        }
        let what = format!("{name} is what keys begin with, at most 1024 bytes; it has no '/' at its begin");
        Err(self.fault(&prefix.span(), what))
    }

    fn suffixes(&self, suffixes: Option<&Spanned<Vec<String>>>) -> Result<Vec<String>, Fault> {
        let Some(suffixes) = suffixes else { return Ok(Vec::new()) };
        let list = suffixes.get_ref();
        if (1..=SUFFIXES_MAX).contains(&list.len()) && list.iter().all(|suffix| !suffix.is_empty()) {
            return Ok(list.clone());
        }
        let what = format!("suffixes must list 1 to {SUFFIXES_MAX} ends of keys, such as \".dcm\"");
        Err(self.fault(&suffixes.span(), what))
    }

    fn since(&self, since: &Spanned<String>) -> Result<Timestamp, Fault> {
        since.get_ref().parse().map_err(|_| {
            self.fault(&since.span(), "since must be a time such as \"2026-01-31T00:00:00Z\", in quotes")
        })
    }

    fn pattern(&self, pattern: &Spanned<String>) -> Result<Regex, Fault> {
        let text = pattern.get_ref();
        if text.is_empty() || text.chars().count() > PATTERN_MAX_CHARS {
            let what = format!("key_pattern must be a pattern of 1 to {PATTERN_MAX_CHARS} characters");
            return Err(self.fault(&pattern.span(), what));
        }
        let compiled = RegexBuilder::new(text).size_limit(PATTERN_SIZE_LIMIT).build();
        let compiled = compiled
            .map_err(|error| self.fault(&pattern.span(), format!("key_pattern is no pattern: {error}")))?;
        let is_known = |name: &str| GROUPS.iter().any(|(group, _)| *group == name);
        match compiled.capture_names().flatten().find(|name| !is_known(name)) {
            Some(name) => {
                let what = format!("key_pattern has a group {name}; the groups are site, study and priority");
                Err(self.fault(&pattern.span(), what))
            }
            None => Ok(compiled),
        }
    }

    fn url(&self, key: &str, url: &Spanned<String>) -> Result<Url, Fault> {
        let parsed = Url::parse(url.get_ref()).ok().filter(|url| url.has_host());
        parsed.ok_or_else(|| {
            self.fault(&url.span(), format!("{key} must be an address such as http://127.0.0.1:4566"))
        })
    }
}
