//! What a search asks for (PS3.18, 8.3.4 and 10.6.1). Pure.

use std::collections::BTreeSet;

use hilum_events::Site;

use super::Level;
use super::access::Access;
use super::attributes::{comparison, tag};
use super::matching::HeaderFilter;

/// The most that one answer lists: a header may have to be read for each.
pub const LIMIT_MAX: u32 = 200;
/// How many are listed where nobody says how many.
const LIMIT: u32 = 100;
/// Identifiers, modalities or attributes in one list.
const LIST_MAX: usize = 256;
/// The longest value that is searched for: a UID is shorter, and a name in three writings.
const VALUE_MAX_CHARS: usize = 256;

/// The part of an address that names what is searched in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// (0020,000D)
    pub study: Option<String>,
    /// (0020,000E)
    pub series: Option<String>,
    /// (0008,0018)
    pub instance: Option<String>,
}

/// What the tables are searched by. Of each list one must fit; a list that is left out lets all pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdentifierFilter {
    /// Whose images they are.
    pub site: Option<Site>,
    /// (0020,000D)
    pub studies: Option<Vec<String>>,
    /// (0020,000E)
    pub series: Option<Vec<String>>,
    /// (0008,0018)
    pub instances: Option<Vec<String>>,
    /// (0008,0060)
    pub modalities: Option<Vec<String>>,
    /// (0008,0061)
    pub modalities_in_study: Option<Vec<String>>,
}

impl IdentifierFilter {
    /// What an address names.
    pub fn of(scope: Scope, site: Option<Site>) -> Self {
        let one = |uid: Option<String>| uid.map(|uid| vec![uid]);
        let (studies, series, instances) = (one(scope.study), one(scope.series), one(scope.instance));
        Self { site, studies, series, instances, ..Self::default() }
    }
}

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What is listed.
    pub level: Level,
    /// Whether the address names the study, so that what is known of it is not said again.
    pub is_in_study: bool,
    /// What the tables are searched by.
    pub identifiers: IdentifierFilter,
    /// What headers must have.
    pub headers: Vec<HeaderFilter>,
    /// What is wanted besides the usual.
    pub fields: Fields,
    /// How many are listed at most.
    pub limit: u32,
    /// Whether we decided how many.
    pub is_our_limit: bool,
    /// How many are passed over.
    pub offset: u32,
    /// Whether names were to be matched by more than their letters.
    pub is_fuzzy: bool,
}

/// Attributes that are wanted besides the usual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fields {
    /// All that are known.
    All,
    /// These, by their tags.
    These(BTreeSet<String>),
}

/// A search that is not done, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is not as the standard says, or not known here.
    Malformed(String),
    /// It asks for what is not said.
    Withheld,
}

impl Search {
    /// Reads the parameters of a search within `scope`.
    ///
    /// # Errors
    /// [`Refused`], naming the parameter.
    pub fn read(
        level: Level,
        scope: Scope,
        parameters: &[(String, String)],
        access: Access,
    ) -> Result<Self, Refused> {
        let mut search = Self {
            level,
            is_in_study: scope.study.is_some(),
            identifiers: IdentifierFilter::of(scope, None),
            headers: Vec::new(),
            fields: Fields::These(BTreeSet::new()),
            limit: LIMIT,
            is_our_limit: true,
            offset: 0,
            is_fuzzy: false,
        };
        for (name, value) in parameters {
            search.take(name, value, access)?;
        }
        Ok(search)
    }

    fn take(&mut self, name: &str, value: &str, access: Access) -> Result<(), Refused> {
        let malformed = |what: &str| Refused::Malformed(format!("the parameter {}: {what}", shortened(name)));
        if value.chars().count() > VALUE_MAX_CHARS * LIST_MAX {
            return Err(malformed("it is too long"));
        }
        let number = || value.parse::<u32>().map_err(|_| malformed("it is a number from 0 to 4294967295"));
        match name {
            "limit" => {
                let wanted = number()?;
                if wanted == 0 {
                    return Err(malformed("it is 1 or more"));
                }
                (self.limit, self.is_our_limit) = (wanted.min(LIMIT_MAX), wanted > LIMIT_MAX);
            }
            "offset" => self.offset = number()?,
            "fuzzymatching" => {
                self.is_fuzzy = value.parse().map_err(|_| malformed("it is true or false"))?;
            }
            "site" => {
                self.identifiers.site = Some(value.parse().map_err(|error| malformed(&format!("{error}")))?)
            }
            "includefield" => self.include(value).map_err(malformed)?,
            name => self.attribute(name, value, access)?,
        }
        Ok(())
    }

    fn include(&mut self, value: &str) -> Result<(), &'static str> {
        for name in value.split(',').map(str::trim) {
            if name == "all" {
                self.fields = Fields::All;
            }
            // An attribute within a sequence comes with its sequence.
            let tag = tag(name.split('.').next().unwrap_or_default());
            match &mut self.fields {
                Fields::All => {}
                Fields::These(tags) if tags.len() == LIST_MAX => return Err("it names too many attributes"),
                Fields::These(tags) => {
                    tags.insert(
                        tag.ok_or("it is all, or attributes by their keywords or eight hexadecimal digits")?,
                    );
                }
            }
        }
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: &str, access: Access) -> Result<(), Refused> {
        let malformed = |what: &str| Refused::Malformed(format!("the parameter {}: {what}", shortened(name)));
        let unknown = || {
            let what = "nothing is searched by it here; docs/dicomweb.md lists what is, and the attributes of lower levels are \
                        searched by at their own";
            malformed(what)
        };
        let tag = tag(name).ok_or_else(unknown)?;
        let identifiers = &mut self.identifiers;
        let list = match tag.as_str() {
            "0020000D" => &mut identifiers.studies,
            "0020000E" if self.level != Level::Study => &mut identifiers.series,
            "00080018" if self.level == Level::Instance => &mut identifiers.instances,
            "00080060" if self.level != Level::Study => &mut identifiers.modalities,
            "00080061" => &mut identifiers.modalities_in_study,
            tag => {
                let comparison = comparison(self.level, tag).ok_or_else(unknown)?;
                if is_anything(value) {
                    return Ok(());
                }
                if !access.searches_headers() {
                    return Err(Refused::Withheld);
                }
                self.headers.push(HeaderFilter::read(tag, comparison, value).map_err(malformed)?);
                return Ok(());
            }
        };
        if is_anything(value) {
            return Ok(());
        }
        let wanted: Vec<String> = value.split([',', '\\']).map(|one| one.trim().to_owned()).collect();
        let is_whole = |one: &String| !one.is_empty() && one.len() <= 64 && !one.contains(['*', '?']);
        if wanted.len() > LIST_MAX || !wanted.iter().all(is_whole) {
            return Err(malformed("it is one value or several with commas between them, without wildcards"));
        }
        // What the address names stays as it is: both must fit.
        *list = Some(match list.take() {
            None => wanted,
            Some(before) => before.into_iter().filter(|one| wanted.contains(one)).collect(),
        });
        Ok(())
    }
}

/// Universal matching (PS3.4, C.2.2.2.3).
fn is_anything(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'*')
}

/// A name as it may stand in an answer.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
