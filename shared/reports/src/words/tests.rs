//! That the Korean sentences are there, and that English ones are what they always were.

use hilum_events::{Notice, ReportCause};

use super::*;
use crate::document::{DISCLAIMER, Report, UNTRAINED_NOTICE};
use crate::pictures::{Choice, Picture, choose, reduced};
use crate::samples::one_of_each;

fn is_korean(text: &str) -> bool {
    text.chars().any(|letter| ('가'..='힣').contains(&letter))
}

#[test]
fn a_language_is_found_by_its_tag_and_by_narrower_ones() {
    for language in Language::ALL {
        assert_eq!(Language::from_tag(language.tag()), Some(language));
    }
    assert_eq!(Language::from_tag("ko-KR"), Some(Language::Korean));
    assert_eq!(Language::from_tag("EN-us"), Some(Language::English));
    assert_eq!(["", "kok", "fr"].map(Language::from_tag), [None; 3]);
}

#[test]
fn a_report_has_one_name_in_all_languages() {
    for language in Language::ALL {
        let kicker = language.words().kicker;
        assert!(kicker.starts_with(NAME), "{language:?}: {kicker}");
        assert_eq!(is_korean(kicker), language == Language::Korean, "{kicker}");
    }
}

#[test]
fn labels_have_their_korean_name_beside_the_english_one() {
    let korean = |label| Language::Korean.label(label);
    assert_eq!(korean("Pneumothorax"), "기흉 (Pneumothorax)");
    assert_eq!(korean("Pleural_Thickening"), "흉막 비후 (Pleural Thickening)");
    assert_eq!(korean("Some_new_Label"), "Some new Label");
    assert_eq!(Language::English.label("Pleural_Thickening"), "Pleural Thickening");
}

#[test]
fn what_the_document_says_is_translated_by_its_code_and_kept() {
    let report = one_of_each();
    let [failed, given_up] = [&report.images[2], &report.images[3]];
    for image in [failed, given_up] {
        let reason = Language::Korean.reason(image);
        assert!(is_korean(&reason.text), "{reason:?}");
        assert_eq!(reason.original, image.reason);
        let stored = image.what_to_do.as_deref().unwrap();
        let what_to_do = Language::Korean.what_to_do(stored);
        assert!(is_korean(&what_to_do.text) && what_to_do.text.ends_with('.'), "{what_to_do:?}");
        assert_eq!(what_to_do.original.as_deref(), Some(stored));
    }
    let told = Language::Korean.what_to_do(given_up.what_to_do.as_deref().unwrap());
    assert!(told.text.starts_with("infer-routine 단계가 5번 시도한 뒤"), "{told:?}");
    let told = Language::Korean.what_to_do("The step infer-stat tried it once and gave up. More.");
    assert!(told.text.starts_with("infer-stat 단계가 1번 시도한 뒤"), "{told:?}");
}

#[test]
fn in_english_all_is_said_as_the_document_says_it() {
    let report = one_of_each();
    let reason = Language::English.reason(&report.images[2]);
    assert_eq!((Some(reason.text), reason.original), (report.images[2].reason.clone(), None));
    assert_eq!(Language::English.disclaimer(&report.disclaimer), DISCLAIMER);
    assert_eq!(Language::English.brief_outcome(&report.images[0]), "Effusion 0.57");
}

#[test]
fn what_is_not_known_stays_as_it_is() {
    let new = Notice { code: "new_code".to_owned(), text: "something new".to_owned() };
    let told = Language::Korean.notice(&new);
    assert_eq!((told.text.as_str(), told.original), ("something new", None));
    assert_eq!(Language::Korean.what_to_do("Wait."), Sentence { text: "Wait.".to_owned(), original: None });
    assert_eq!(Language::Korean.disclaimer("Other words."), "Other words.");
    assert_eq!(Language::Korean.model_notice("Other words."), "Other words.");
    assert!(is_korean(Language::Korean.model_notice(UNTRAINED_NOTICE)));
}

/// A report with more pictures than are shown.
fn with_too_many_pictures() -> Report {
    let mut report = one_of_each();
    report.images = vec![report.images[0].clone(), report.images[2].clone()];
    report
}

#[test]
fn the_reasons_why_pictures_are_not_shown_are_known_in_korean() {
    let Choice::Nothing { reason } = choose(&with_too_many_pictures(), 2, &[(1, 512)]) else {
        panic!("shown")
    };
    let Picture::Missing { reason: no_picture } = reduced(Vec::new(), 512) else { panic!("shown") };
    let stored = "object sha256/aa/bb in storage is damaged: its sha-256 is cc".to_owned();
    for reason in [reason, no_picture, stored, "object sha256/aa/bb is not in storage".to_owned()] {
        let told = Language::Korean.why_no_picture(&reason);
        assert!(is_korean(&told.text), "{told:?}");
        assert_eq!(told.original, Some(reason));
    }
}

#[test]
fn counts_are_said_in_both_languages() {
    let summary = Summary { images: 1, completed: 0, failed: 1, duplicates: 0 };
    let [english, korean] = Language::ALL.map(|language| (language.words().counts)(summary));
    assert_eq!(english, "1 image: 0 read, 1 without a reading");
    assert_eq!(korean, "영상 1건: AI 분석 완료 0건, 분석 불가 1건");
    assert!(is_korean((Language::Korean.words().cause)(ReportCause::Closed)));
}
