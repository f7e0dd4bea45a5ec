//! The file as it is written, and the checks that make rules of it. Every fault names its line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use hilum_events::{SeriesName, Site};
use hilum_zones::Zone;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::quiet_time::QUIET_TIME_MAX_S;
use super::series::SeriesRule;
use super::{Fault, SiteRules, Sites, StudyRules};

/// Thirty days.
const TIME_LIMIT_MAX_S: f64 = 2_592_000.0;
const PATTERN_MAX_CHARS: usize = 500;
/// What a compiled pattern may take, bytes.
const PATTERN_SIZE_LIMIT: usize = 1 << 18;
/// The longest code of a DICOM header.
const CODE_MAX_CHARS: usize = 16;
const LIST_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    default: Table,
    #[serde(default)]
    site: BTreeMap<Site, SiteTable>,
    #[serde(default)]
    series: Vec<Spanned<SeriesTable>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    quiet_time_s: Option<Spanned<f64>>,
    time_limit_s: Option<Spanned<f64>>,
    expected_series: Option<Spanned<Vec<SeriesName>>>,
    pictures_join_patients: Option<bool>,
    time_zone: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteTable {
    quiet_time_s: Option<Spanned<f64>>,
    time_limit_s: Option<Spanned<f64>>,
    expected_series: Option<Spanned<Vec<SeriesName>>>,
    pictures_join_patients: Option<bool>,
    time_zone: Option<Spanned<String>>,
    series: Option<Vec<Spanned<SeriesTable>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeriesTable {
    name: SeriesName,
    modality: Option<Spanned<Vec<String>>>,
    body_part: Option<Spanned<Vec<String>>>,
    view_position: Option<Spanned<Vec<String>>>,
    description: Option<Spanned<String>>,
}

pub(crate) fn parse(text: &str) -> Result<Sites, Fault> {
    let reader = Reader { text };
    let file: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        reader.fault(&span, error.message())
    })?;
    let series = reader.series(&file.series)?;
    let default =
        SiteRules { studies: reader.studies(&file.default, &StudyRules::default(), &series)?, series };
    let mut by_site = BTreeMap::new();
    for (site, table) in file.site {
        let SiteTable {
            series,
            quiet_time_s,
            time_limit_s,
            expected_series,
            pictures_join_patients,
            time_zone,
        } = table;
        if let (Some(own), None) = (&series, &expected_series) {
            reader.check_inherited(&default.studies.expected_series, own)?;
        }
        let series = match &series {
            Some(own) => reader.series(own)?,
            None => default.series.clone(),
        };
        let table = Table { quiet_time_s, time_limit_s, expected_series, pictures_join_patients, time_zone };
        let studies = reader.studies(&table, &default.studies, &series)?;
        by_site.insert(site, SiteRules { studies, series });
    }
    Ok(Sites { default, by_site })
}

/// Checks what was read, and finds the lines of faults in the text it was read from.
struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn fault(&self, span: &Range<usize>, what: impl Into<String>) -> Fault {
        Fault::at(self.text, span, what)
    }

    /// The rules of a site. What it leaves out is as in `inherited`.
    fn studies(
        &self,
        table: &Table,
        inherited: &StudyRules,
        series: &[SeriesRule],
    ) -> Result<StudyRules, Fault> {
        let quiet_time = match &table.quiet_time_s {
            Some(seconds) => Some(self.seconds("quiet_time_s", seconds, QUIET_TIME_MAX_S)?),
            None => inherited.quiet_time,
        };
        let time_limit = match &table.time_limit_s {
            Some(seconds) => {
                let limit = self.seconds("time_limit_s", seconds, TIME_LIMIT_MAX_S)?;
                (!limit.is_zero()).then_some(limit)
            }
            None => inherited.time_limit,
        };
        let expected_series = match &table.expected_series {
            Some(names) => self.expected(names, series)?,
            None => inherited.expected_series.clone(),
        };
        let pictures_join_patients = table.pictures_join_patients.unwrap_or(inherited.pictures_join_patients);
        let time_zone = match &table.time_zone {
            Some(name) => Some(self.time_zone(name)?),
            None => inherited.time_zone.clone(),
        };
        Ok(StudyRules { quiet_time, time_limit, expected_series, pictures_join_patients, time_zone })
    }

    fn seconds(&self, key: &str, seconds: &Spanned<f64>, max: f64) -> Result<Duration, Fault> {
        let value = *seconds.get_ref();
        if (0.0..=max).contains(&value) {
            return Ok(Duration::from_secs_f64(value));
        }
        Err(self.fault(&seconds.span(), format!("{key} must be a number of seconds from 0 to {max}")))
    }

    fn time_zone(&self, name: &Spanned<String>) -> Result<Zone, Fault> {
        let zone = name.get_ref().parse::<Zone>();
        zone.map_err(|error| self.fault(&name.span(), format!("time_zone {error}")))
    }

    fn expected(
        &self,
        names: &Spanned<Vec<SeriesName>>,
        series: &[SeriesRule],
    ) -> Result<Vec<SeriesName>, Fault> {
        let fault = |what: String| Err(self.fault(&names.span(), what));
        let names = names.get_ref();
        if names.len() > LIST_MAX {
            return fault(format!("expected_series has more than {LIST_MAX} names"));
        }
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                return fault(format!("expected_series names {name} twice"));
            }
            if !series.iter().any(|rule| rule.name == *name) {
                return fault(format!(
                    "expected_series names {name}, and no [[series]] rule of that name says which images are of it"
                ));
            }
        }
        Ok(names.clone())
    }

    /// Checks that what `default` expects is possible at each site with rules of its own.
    fn check_inherited(&self, names: &[SeriesName], own: &[Spanned<SeriesTable>]) -> Result<(), Fault> {
        let has_rule = |name: &SeriesName| own.iter().any(|rule| rule.get_ref().name == *name);
        let Some(name) = names.iter().find(|name| !has_rule(name)) else { return Ok(()) };
        let what = format!(
            "[default] expects the series {name}, and the rules of this site have none of that name; give the site an \
             expected_series of its own"
        );
        Err(self.fault(&own.first().map(Spanned::span).unwrap_or_default(), what))
    }

    fn series(&self, tables: &[Spanned<SeriesTable>]) -> Result<Vec<SeriesRule>, Fault> {
        if let Some(table) = tables.get(LIST_MAX) {
            return Err(self.fault(&table.span(), format!("there are more than {LIST_MAX} [[series]] rules")));
        }
        tables.iter().map(|table| self.rule(table)).collect()
    }

    fn rule(&self, table: &Spanned<SeriesTable>) -> Result<SeriesRule, Fault> {
        let SeriesTable { name, modality, body_part, view_position, description } = table.get_ref();
        if modality.is_none() && body_part.is_none() && view_position.is_none() && description.is_none() {
            let what = format!(
                "the series {name} would have every image; name modality, body_part, view_position or description"
            );
            return Err(self.fault(&table.span(), what));
        }
        Ok(SeriesRule {
            name: name.clone(),
            modality: self.codes("modality", modality.as_ref())?,
            body_part: self.codes("body_part", body_part.as_ref())?,
            view_position: self.codes("view_position", view_position.as_ref())?,
            description: description.as_ref().map(|pattern| self.pattern(pattern)).transpose()?,
        })
    }

    fn codes(&self, key: &str, codes: Option<&Spanned<Vec<String>>>) -> Result<Option<Vec<String>>, Fault> {
        let Some(codes) = codes else { return Ok(None) };
        let is_code = |code: &String| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_ ".contains(&byte);
            (1..=CODE_MAX_CHARS).contains(&code.len()) && code.trim() == code && code.bytes().all(allowed)
        };
        let list = codes.get_ref();
        if (1..=LIST_MAX).contains(&list.len()) && list.iter().all(is_code) {
            return Ok(Some(list.clone()));
        }
        let what = format!(
            "{key} must list 1 to {LIST_MAX} codes of 1 to {CODE_MAX_CHARS} letters, digits, '_' and spaces within"
        );
        Err(self.fault(&codes.span(), what))
    }

    fn pattern(&self, pattern: &Spanned<String>) -> Result<Regex, Fault> {
        let text = pattern.get_ref();
        if text.is_empty() || text.chars().count() > PATTERN_MAX_CHARS {
            let what = format!("description must be a pattern of 1 to {PATTERN_MAX_CHARS} characters");
            return Err(self.fault(&pattern.span(), what));
        }
        let compiled = RegexBuilder::new(text).size_limit(PATTERN_SIZE_LIMIT).build();
        compiled.map_err(|error| self.fault(&pattern.span(), format!("description is no pattern: {error}")))
    }
}

#[cfg(test)]
mod tests;
