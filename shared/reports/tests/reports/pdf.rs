//! The PDF of a report as others read it: opened by another library, its text taken out again.

use hilum_events::{BlobRef, Sha256Digest};
use hilum_reports::{
    Choice, DISCLAIMER, ImageEntry, Language, Missing, Picture, Pictures, Report, UNTRAINED_NOTICE, pdf,
    reduced, samples,
};
use lopdf::{Document, Object};

const KOREAN_DISCLAIMER: &str = "연구용으로만 사용하십시오. 진단이 아닙니다.";

/// All pictures that are wanted, as they are in storage.
fn pictures(report: &Report) -> Pictures {
    let Choice::Shown { previews, max_side_px } = pdf::choice(report) else { panic!("they are shown") };
    let picture = |preview: BlobRef| (preview.sha256, reduced(samples::picture(512, 419), max_side_px));
    previews.into_iter().map(picture).collect()
}

fn rendered(report: &Report, language: Language) -> Vec<u8> {
    rendered_with(report, &pictures(report), language)
}

fn rendered_with(report: &Report, pictures: &Pictures, language: Language) -> Vec<u8> {
    let json_sha256 = Sha256Digest::of(&report.to_json().unwrap());
    let pdf = pdf::render(report, pictures, &json_sha256, language).unwrap();
    // Keeps what was made for whoever wants to look at it.
    if let Some(folder) = std::env::var_os("HILUM_KEEP_PDF") {
        let name = format!("{}-{}.pdf", Sha256Digest::of(&pdf), language.tag());
        std::fs::write(std::path::Path::new(&folder).join(name), &pdf).unwrap();
    }
    pdf
}

/// The text of each page, on one line.
fn pages(pdf: &[u8]) -> Vec<String> {
    let document = Document::load_mem(pdf).unwrap();
    let numbers: Vec<u32> = document.get_pages().into_keys().collect();
    numbers.iter().map(|number| document.extract_text(&[*number]).unwrap().replace('\n', "")).collect()
}

/// The whole text, without spaces: lines may be broken anywhere.
pub(crate) fn text(pdf: &[u8]) -> String {
    squeezed(&pages(pdf).concat())
}

pub(crate) fn squeezed(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}

#[track_caller]
fn assert_says(text: &str, what: &str) {
    assert!(text.contains(&squeezed(what)), "{what:?} is missing");
}

/// What every form of the report has to say, in whatever language.
fn assert_says_all_of(text: &str, report: &Report, language: Language) {
    let pdf = rendered(report, language);
    let json_sha256 = Sha256Digest::of(&report.to_json().unwrap());
    assert_says(text, &report.study_name());
    assert_says(text, &json_sha256.to_string());
    for image in &report.images {
        assert_says(text, &image.job_id.to_string());
        assert_says(text, &image.sha256.to_string());
        for code in image.reason_code.iter() {
            assert_says(text, code);
        }
        for finding in image.reading.iter().flat_map(|reading| &reading.findings) {
            assert_says(text, &finding.label.replace('_', " "));
            assert_says(text, &format!("{:.4}", finding.probability));
            if let Some(score) = finding.operating_point_score {
                assert_says(text, &format!("{score:.2}"));
            }
        }
    }
    for event in &report.provenance.events {
        assert_says(text, &event.event_id.to_string());
    }
    for model in &report.models {
        assert_says(text, &model.identity.weights_sha256.to_string());
    }
    assert!(pdf.starts_with(b"%PDF-1.7"));
}

#[test]
fn in_english_it_says_what_the_document_says() {
    let report = samples::revised();
    let text = text(&rendered(&report, Language::English));
    assert_says_all_of(&text, &report, Language::English);
    for image in &report.images {
        for sentence in image.reason.iter().chain(&image.what_to_do) {
            assert_says(&text, sentence);
        }
    }
    assert_says(&text, "Changes since revision 1");
    assert_says(&text, "Image 5: added");
    assert_says(&text, "Please note: the view is not PA or AP.");
    assert_says(&text, "Hatched: cut off before the network saw the picture, so not analysed.");
}

#[test]
fn in_korean_it_says_the_same_and_keeps_the_words_of_the_document() {
    let report = samples::revised();
    let text = text(&rendered(&report, Language::Korean));
    assert_says_all_of(&text, &report, Language::Korean);
    assert_says(&text, "흉수 (Effusion)");
    assert_says(&text, "종괴 (Mass)");
    assert_says(&text, "AI 분석 불가: 영상 데이터가 끝나기 전에 파일이 잘렸습니다 (truncated)");
    assert_says(&text, "원문: the file ends before its picture does; send it again");
    assert_says(&text, "개정 1 이후 변경 사항");
    assert_says(&text, "눈금 0.5 = 작동점");
}

#[test]
fn every_time_is_that_of_the_site_with_its_zone() {
    let mut report = samples::incomplete();
    report.set_time_zone(&"America/St_Johns".parse().unwrap());
    for language in Language::ALL {
        let text = text(&rendered(&report, language));
        for at in ["2025-12-31 20:30:31 NST (UTC-03:30)", "2025-12-30 20:30:00 NST (UTC-03:30)"] {
            assert_says(&text, at);
        }
        assert_says(&text, "2025-12-31 20:30:31 -03:30");
        assert!(!text.contains("2026-01-01") && !text.contains("00UTC") && !text.contains("31UTC"));
    }
}

#[test]
fn what_is_missing_flagged_and_earlier_is_said_in_both_languages() {
    let report = samples::incomplete();
    let english = pages(&rendered(&report, Language::English));
    let first = squeezed(&english[0]);
    for sentence in [
        "5 of 6 expected images arrived",
        "the series lateral did not arrive",
        "Image 5 arrived and has no outcome yet",
        "Effusion: score 0.57, probability 0.2227, threshold 0.50; flagged by rule effusion-first; Image 1",
        "Study S-0, revision 1, as of 2025-12-31 00:00:00 UTC.",
        "0.28 0.57 +0.28 0.1114 0.2227",
    ] {
        assert_says(&first, sentence);
    }
    for page in &english {
        assert_says(&squeezed(page), "INCOMPLETE: not all that was expected is in this report.");
    }
    assert_says(&squeezed(&english.concat()), "It had no outcome yet when this report had to be issued.");
    let korean = text(&rendered(&report, Language::Korean));
    for sentence in [
        "미완결 보고서: 예정된 항목 중 일부가 빠져 있습니다.",
        "예정된 영상 6건 중 5건만 도착함",
        "규칙 effusion-first에 따라 표시",
        "이전 검사와 비교",
        "이 보고서를 발행할 때까지 결과가 나오지 않았습니다.",
    ] {
        assert_says(&korean, sentence);
    }
    let whole = text(&rendered(&samples::revised(), Language::English));
    assert!(!whole.contains("INCOMPLETE") && !whole.contains("Flagged") && !whole.contains("earlierstudy"));
}

#[test]
fn numbers_of_other_models_are_not_set_beside_each_other() {
    let mut report = samples::incomplete();
    let comparison = report.comparison.as_mut().unwrap();
    comparison.same_model = false;
    comparison.findings.clear();
    let text = text(&rendered(&report, Language::English));
    assert_says(&text, "read by different models, so their numbers cannot be compared.");
}

#[test]
fn every_page_says_what_the_report_is_not_and_which_page_it_is() {
    let report = samples::revised();
    for (language, disclaimer, untrained) in [
        (Language::English, DISCLAIMER, UNTRAINED_NOTICE),
        (Language::Korean, KOREAN_DISCLAIMER, "학습되지 않은(UNTRAINED) 시연용 신경망"),
    ] {
        let pages = pages(&rendered(&report, language));
        assert!(pages.len() > 2);
        for (number, page) in (1..).zip(&pages) {
            let page = squeezed(page);
            assert_says(&page, disclaimer);
            assert_says(&page, untrained);
            assert_says(&page, "S-1");
            let count = pages.len();
            assert_says(
                &page,
                &match language {
                    Language::English => format!("page {number} of {count}"),
                    Language::Korean => format!("{count}쪽 중 {number}쪽"),
                },
            );
        }
    }
}

#[test]
fn a_trained_model_gets_no_untrained_banner() {
    let mut report = samples::one_of_each();
    report.models[0].identity.trained = true;
    report.models[0].notice = None;
    report
        .images
        .iter_mut()
        .filter_map(|image| image.reading.as_mut())
        .for_each(|reading| reading.trained = true);
    let text = text(&rendered(&report, Language::English));
    assert!(!text.contains("UNTRAINED"));
    assert_says(&text, "▲ 0.57");
}

#[test]
fn the_same_report_has_the_same_bytes() {
    for language in Language::ALL {
        let report = samples::revised();
        assert!(rendered(&report, language) == rendered(&report, language));
    }
}

#[test]
fn a_letter_that_the_faces_lack_is_not_lost() {
    let mut report = samples::one_of_each();
    report.images[2].reason = Some("ファイル 文件 😀 قال".to_owned());
    // Not all at once: what is read aloud may be given beside the glyph, which this reader passes over.
    for letter in ["文", "😀", "ق"] {
        report.images[2].reason = Some(format!("in {letter} script"));
        let text = text(&rendered(&report, Language::English));
        assert_says(&text, &format!("in {letter} script"));
    }
}

#[test]
fn no_text_that_a_document_can_hold_makes_it_fail() {
    let mut report = samples::incomplete();
    let nasty = "\u{0}\u{7}\u{feff}\u{fffe}\u{e000}\u{10ffff}\u{200b}\u{ad}\r\n\t\u{1100}\u{1161}\u{202e}한 ";
    report.images[2].reason = Some(nasty.repeat(300));
    report.images[2].what_to_do = Some(String::new());
    report.images[3].reason = Some("한".repeat(20_000));
    report.models[0].identity.name = nasty.to_owned();
    report.flags[0].rule = nasty.repeat(50);
    report.flags[0].label = nasty.to_owned();
    report.completeness.as_mut().unwrap().missing.push(Missing::Series { name: nasty.repeat(50) });
    report.comparison.as_mut().unwrap().findings[0].label = nasty.repeat(20);
    let reading = report.images[0].reading.as_mut().unwrap();
    reading.findings[0].label = nasty.repeat(20);
    reading.activation_maps[0].label = nasty.repeat(20);
    reading.findings[0].operating_point_score = Some(f32::NAN);
    reading.findings[1].label = String::new();
    for language in Language::ALL {
        let pages = pages(&rendered(&report, language));
        assert!((3..=20).contains(&pages.len()), "{} pages", pages.len());
    }
}

#[test]
fn a_picture_that_is_missing_or_none_is_a_sentence_that_says_why() {
    let report = samples::one_of_each();
    let said = text(&rendered(&report, Language::English));
    assert_says(&said, &format!("No preview: {}.", samples::NOT_SHOWN));
    let nothing = text(&rendered_with(&report, &Pictures::new(), Language::English));
    assert_eq!(nothing.matches("Nopreview:itwasnotfetched.").count(), 3);
    let damaged = Picture::Shown { png: b"\x89PNG no more".to_vec() };
    let pictures = pictures(&report).into_keys().map(|sha256| (sha256, damaged.clone())).collect();
    let said = text(&rendered_with(&report, &pictures, Language::Korean));
    assert_eq!(said.matches("미리보기없음:미리보기로저장된파일이영상이아닙니다.").count(), 3);
}

#[test]
fn a_picture_that_several_images_share_is_in_the_file_once() {
    let report = samples::one_of_each();
    let document = Document::load_mem(&rendered(&report, Language::English)).unwrap();
    let images = document.objects.values().filter(|object| {
        let subtype =
            object.as_stream().and_then(|stream| stream.dict.get(b"Subtype").and_then(Object::as_name));
        matches!(subtype, Ok(b"Image"))
    });
    // That of the reading, which two images share, and that of a failed one, which looks the same here but is another.
    assert_eq!(images.count(), 2);
}

#[test]
fn it_can_be_read_aloud_and_found() {
    let report = samples::revised();
    for (language, title) in
        [(Language::English, "Study S-1, revision 2"), (Language::Korean, "검사 S-1, 개정 2")]
    {
        let document = Document::load_mem(&rendered(&report, language)).unwrap();
        let catalog = document.catalog().unwrap();
        let marked = catalog.get(b"MarkInfo").and_then(Object::as_dict).unwrap();
        assert!(marked.get(b"Marked").and_then(Object::as_bool).unwrap());
        assert_eq!(catalog.get(b"Lang").and_then(Object::as_str).unwrap(), language.tag().as_bytes());
        assert!(catalog.has(b"StructTreeRoot") && catalog.has(b"Outlines"));
        let info = document.trailer.get(b"Info").and_then(Object::as_reference).unwrap();
        let info = document.get_dictionary(info).unwrap();
        assert_eq!(lopdf::decode_text_string(info.get(b"Title").unwrap()).unwrap(), title);
        let created = lopdf::decode_text_string(info.get(b"CreationDate").unwrap()).unwrap();
        assert!(created.starts_with("D:20260101000031"), "{created}");
        let figures = document.objects.values().filter_map(|object| object.as_dict().ok());
        let figures: Vec<_> = figures
            .filter(|object| object.get(b"S").and_then(Object::as_name).is_ok_and(|role| role == b"Figure"))
            .collect();
        // Two of each of three readings, and one of the failed image that has a picture.
        assert_eq!(figures.len(), 7);
        assert!(figures.iter().all(|figure| figure.has(b"Alt")));
    }
}

#[test]
fn a_study_of_two_hundred_images_makes_a_file_that_can_be_opened() {
    let mut report = samples::one_of_each();
    let image = report.images[0].clone();
    let numbered = |number: u32| {
        let sha256 = Sha256Digest::of(&number.to_be_bytes());
        let preview = BlobRef { key: format!("sha256/{sha256}"), sha256, size_bytes: 1000 };
        ImageEntry { preview: Some(preview), ..image.clone() }
    };
    report.images = (0..200).map(numbered).collect();
    let pdf = rendered(&report, Language::Korean);
    assert!(pdf.len() < 10_000_000, "{} bytes", pdf.len());
    let pages = pages(&pdf);
    assert!(pages.len() < 300, "{} pages", pages.len());
    assert_says(&squeezed(&pages.concat()), "영상 200");
}

/// A version has bytes of its own: those who kept a file by its ETag must be told when it would be another.
#[test]
fn the_file_has_the_bytes_of_its_version() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden");
    for language in Language::ALL {
        for (what, report) in [("first", samples::one_of_each()), ("incomplete", samples::incomplete())] {
            let found = Sha256Digest::of(&rendered(&report, language)).to_string();
            let path = folder.join(format!("{what}.{}.pdf.v{}.sha256", language.tag(), pdf::FORM.version));
            if std::env::var_os("HILUM_WRITE_NEW_GOLDEN").is_some() && !path.exists() {
                std::fs::write(&path, format!("{found}\n")).unwrap();
            }
            let golden = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(found, golden.trim(), "{}: raise the version of the form", path.display());
        }
    }
}
