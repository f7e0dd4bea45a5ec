use super::*;

fn read(level: Level, query: &[(&str, &str)]) -> Result<Search, Refused> {
    asked(level, query, Access::Full)
}

fn asked(level: Level, query: &[(&str, &str)], access: Access) -> Result<Search, Refused> {
    let owned: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Search::read(level, Scope::default(), &owned, access)
}

#[test]
fn a_search_names_identifiers_in_lists() {
    let search = read(
        Level::Instance,
        &[
            ("StudyInstanceUID", "1.2,1.3"),
            ("0020000E", "1.4\\1.5"),
            ("SOPInstanceUID", "1.6"),
            ("Modality", "CR"),
            ("ModalitiesInStudy", "CR,DX"),
            ("site", "north"),
        ],
    );
    let list = |values: &[&str]| Some(values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
    let identifiers = search.unwrap().identifiers;
    assert_eq!(identifiers.studies, list(&["1.2", "1.3"]));
    assert_eq!(identifiers.series, list(&["1.4", "1.5"]));
    assert_eq!(identifiers.instances, list(&["1.6"]));
    assert_eq!(identifiers.modalities, list(&["CR"]));
    assert_eq!(identifiers.modalities_in_study, list(&["CR", "DX"]));
    assert_eq!(identifiers.site.unwrap().as_str(), "north");
}

#[test]
fn what_the_address_names_is_not_widened_by_a_parameter() {
    let scope = Scope { study: Some("1.2".to_owned()), ..Scope::default() };
    let query = [("StudyInstanceUID".to_owned(), "1.3,1.4".to_owned())];
    let search = Search::read(Level::Series, scope, &query, Access::Full).unwrap();
    assert_eq!(search.identifiers.studies, Some(vec![]));
    assert!(search.is_in_study);
}

#[test]
fn pages_have_a_longest_length() {
    let page = |query: &[(&str, &str)]| {
        let search = read(Level::Study, query).unwrap();
        (search.limit, search.offset, search.is_our_limit)
    };
    assert_eq!(page(&[]), (100, 0, true));
    assert_eq!(page(&[("limit", "101"), ("offset", "7"), ("fuzzymatching", "false")]), (101, 7, false));
    assert_eq!(page(&[("limit", "100000")]), (LIMIT_MAX, 0, true));
}

#[test]
fn what_is_not_known_is_refused_by_its_name() {
    for (level, name, value) in [
        (Level::Study, "limit", "0"),
        (Level::Study, "limit", "-1"),
        (Level::Study, "offset", "x"),
        (Level::Study, "fuzzymatching", "yes"),
        (Level::Study, "site", "a b"),
        (Level::Study, "includefield", "NoSuchThing"),
        (Level::Study, "orderby", "StudyDate"),
        (Level::Study, "PatientWeight", "70"),
        (Level::Study, "SeriesInstanceUID", "1.2"),
        (Level::Study, "Modality", "CR"),
        (Level::Series, "SOPInstanceUID", "1.2"),
        (Level::Study, "StudyInstanceUID", "1.*"),
        (Level::Study, "StudyDate", "2026"),
        (Level::Instance, "InstanceNumber", "x"),
    ] {
        let Err(Refused::Malformed(words)) = read(level, &[(name, value)]) else { panic!("{name}={value}") };
        assert!(words.contains(name), "{words}");
    }
}

#[test]
fn patients_are_searched_for_only_where_they_are_shown() {
    let query = [("PatientID", "4711")];
    assert_eq!(read(Level::Study, &query).unwrap().headers.len(), 1);
    assert_eq!(asked(Level::Study, &query, Access::Identifiers), Err(Refused::Withheld));
    // Nothing is asked of these.
    for value in ["", "*"] {
        assert!(
            asked(Level::Study, &[("PatientID", value)], Access::Identifiers).unwrap().headers.is_empty()
        );
    }
}

#[test]
fn fields_are_all_or_these() {
    let fields = |value| read(Level::Study, &[("includefield", value)]).unwrap().fields;
    let these = |tags: &[&str]| Fields::These(tags.iter().map(|tag| (*tag).to_owned()).collect());
    assert_eq!(fields("00081030,Modality"), these(&["00081030", "00080060"]));
    assert_eq!(fields("ProcedureCodeSequence.CodeValue"), these(&["00081032"]));
    assert_eq!(fields("all"), Fields::All);
}
