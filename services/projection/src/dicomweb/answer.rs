//! What is found, as data sets in the DICOM JSON model: attributes of the tables, and those of a header that are wanted and may be
//! shown. What the tables say counts. Pure.

use serde_json::{Value, json};

use super::access::Access;
use super::attributes::usual;
use super::question::{Fields, Search};
use super::{DataSet, Entity, Held, Level};

/// The wanted attributes of headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    access: Access,
    /// By tag; `None` for all.
    tags: Option<Vec<String>>,
}

impl Wanted {
    /// What a search wants of headers.
    pub fn by(search: &Search, access: Access) -> Self {
        let tags = match &search.fields {
            Fields::All => None,
            Fields::These(fields) => {
                let usual = usual(search.level, search.is_in_study).into_iter().map(str::to_owned);
                Some(usual.chain(fields.iter().cloned()).filter(|tag| access.shows(tag)).collect())
            }
        };
        Self { access, tags }
    }

    /// Everything that may be shown.
    pub fn all(access: Access) -> Self {
        Self { access, tags: None }
    }

    /// Whether a header need not be read.
    pub fn is_nothing(&self) -> bool {
        self.tags.as_ref().is_some_and(Vec::is_empty)
    }

    fn of(&self, mut header: DataSet) -> DataSet {
        if let Some(tags) = &self.tags {
            header.retain(|tag, _| tags.contains(tag));
        }
        self.access.shown(header)
    }
}

/// An entry of a list. `header` is that of its newest object, if it was read; `base` the address below which all are.
pub fn entry(level: Level, entity: &Entity, header: Option<DataSet>, wanted: &Wanted, base: &str) -> DataSet {
    let newest = &entity.newest;
    let mut found = header.map(|header| wanted.of(header)).unwrap_or_default();
    let mut put = |tag: &str, vr: &str, values: Value| found.insert(tag.to_owned(), attribute(vr, values));
    put("00080056", "CS", json!(["ONLINE"]));
    put("00081190", "UR", json!([address(level, newest, base)]));
    put("0020000D", "UI", json!([newest.study_instance_uid]));
    if level == Level::Study {
        put("00080061", "CS", json!(entity.modalities));
        put("00201206", "IS", json!([entity.series]));
        put("00201208", "IS", json!([entity.instances]));
        return found;
    }
    put("0020000E", "UI", json!([newest.series_instance_uid]));
    put("00080060", "CS", json!(newest.modality.as_slice()));
    if level == Level::Series {
        put("00201209", "IS", json!([entity.instances]));
        return found;
    }
    of_instance(&mut found, newest);
    found
}

/// What is said of an object itself. `header` is its own, if it can be read.
pub fn metadata(held: &Held, header: Option<DataSet>, wanted: &Wanted, base: &str) -> DataSet {
    let mut found = header.map(|header| wanted.of(header)).unwrap_or_default();
    let mut put = |tag: &str, vr: &str, values: Value| found.insert(tag.to_owned(), attribute(vr, values));
    put("00081190", "UR", json!([address(Level::Instance, held, base)]));
    put("0020000D", "UI", json!([held.study_instance_uid]));
    put("0020000E", "UI", json!([held.series_instance_uid]));
    of_instance(&mut found, held);
    found
}

fn of_instance(found: &mut DataSet, held: &Held) {
    let mut put = |tag: &str, vr: &str, values: Value| found.insert(tag.to_owned(), attribute(vr, values));
    put("00080018", "UI", json!([held.sop_instance_uid]));
    put("00083002", "UI", json!([held.transfer_syntax_uid]));
    put("00280010", "US", json!([held.rows_px]));
    put("00280011", "US", json!([held.columns_px]));
}

fn attribute(vr: &str, values: Value) -> Value {
    let is_empty = values.as_array().is_none_or(Vec::is_empty);
    if is_empty { json!({"vr": vr}) } else { json!({"vr": vr, "Value": values}) }
}

fn address(level: Level, held: &Held, base: &str) -> String {
    let study = format!("{base}/studies/{}", held.study_instance_uid);
    match level {
        Level::Study => study,
        Level::Series => format!("{study}/series/{}", held.series_instance_uid),
        Level::Instance => {
            format!("{study}/series/{}/instances/{}", held.series_instance_uid, held.sop_instance_uid)
        }
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::Sha256Digest;
    use hilum_events::samples::job_id;

    use super::*;

    fn held() -> Held {
        Held {
            job_id: job_id(1),
            study_instance_uid: "1.1".to_owned(),
            series_instance_uid: "1.2".to_owned(),
            sop_instance_uid: "1.3".to_owned(),
            modality: None,
            transfer_syntax_uid: "1.2.840.10008.1.2.1".to_owned(),
            rows_px: 3,
            columns_px: 4,
            sha256: Sha256Digest::of(b""),
            object_key: "k".to_owned(),
            size_bytes: 1,
        }
    }

    #[test]
    fn what_the_tables_say_counts_and_a_header_adds_what_is_wanted() {
        let header = json!({
            "00080018": {"vr": "UI", "Value": ["9.9"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
            "00104000": {"vr": "LT", "Value": ["a comment"]},
        });
        let header = header.as_object().unwrap();
        let of = |access| {
            let search = Search::read(Level::Study, Default::default(), &[], access).unwrap();
            let entity = Entity {
                newest: held(),
                modalities: vec!["CR".into(), "DX".into()],
                series: 2,
                instances: 5,
            };
            let wanted = Wanted::by(&search, access);
            (
                wanted.is_nothing(),
                entry(Level::Study, &entity, Some(header.clone()), &wanted, "http://h/dicom-web"),
            )
        };
        let (is_nothing, study) = of(Access::Full);
        assert!(!is_nothing);
        let expected = json!({
            "00080056": {"vr": "CS", "Value": ["ONLINE"]},
            "00080061": {"vr": "CS", "Value": ["CR", "DX"]},
            "00081190": {"vr": "UR", "Value": ["http://h/dicom-web/studies/1.1"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
            "0020000D": {"vr": "UI", "Value": ["1.1"]},
            "00201206": {"vr": "IS", "Value": [2]},
            "00201208": {"vr": "IS", "Value": [5]},
        });
        assert_eq!(Value::from(study), expected);
        let (is_nothing, study) = of(Access::Identifiers);
        assert!(is_nothing, "no header is read for what is not shown");
        assert!(!study.contains_key("00100010"));

        let said = metadata(&held(), Some(header.clone()), &Wanted::all(Access::Full), "http://h/dicom-web");
        assert_eq!(said["00080018"]["Value"][0], "1.3");
        assert!(said.contains_key("00104000"));
        let said = metadata(&held(), Some(header.clone()), &Wanted::all(Access::Identifiers), "");
        assert!(!said.contains_key("00104000") && !said.contains_key("00100010"));
    }
}
