//! What makes it doubtful whose the images are is said in every form, in the same sentence.

use hilum_events::{Sha256Digest, samples::job_id};
use hilum_reports::{Doubt, HeaderField, Language, Pictures, Report, fhir, hl7, html, pdf, samples};

fn doubtful() -> Report {
    let mut report = samples::incomplete();
    report.doubts = vec![
        Doubt::headers_differ(vec![HeaderField::PatientName, HeaderField::BirthDate]),
        Doubt::without_patient(&[(2, job_id(2))]),
        Doubt::instance_twice(&[(1, job_id(1)), (3, job_id(3))]),
        Doubt::taken_out(vec![job_id(9)]),
    ];
    report
}

/// With one blank between words: forms break lines where they like.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_form_says_the_same_sentences() {
    let report = doubtful();
    let hash = Sha256Digest::of(b"document");
    let page = |language| html::render(&report, &Pictures::new(), &hash, language);
    let json = String::from_utf8(report.to_json().unwrap()).unwrap();
    let forms = [
        ("json", json),
        ("html", page(Language::English)),
        ("html in Korean", page(Language::Korean)),
        ("fhir", String::from_utf8(fhir::bundle(&report)).unwrap()),
        ("hl7", hl7::oru_r01(&report)),
    ];
    for doubt in &report.doubts {
        for (name, form) in &forms {
            assert!(words(form).contains(&words(&doubt.text)), "{name}: {}", doubt.text);
        }
    }
    let korean = &forms[2].1;
    for sentence in [
        "영상 헤더의 환자 정보가 서로 다릅니다(이름, 생년월일)",
        "영상 2: 환자 정보가 없는",
        "영상 1, 3: SOP",
        "영상 1건을 이 검사에서 제외",
    ] {
        assert!(korean.contains(sentence), "{sentence}");
    }
}

#[test]
fn the_sheets_say_them_in_both_languages() {
    let (report, plain) = (doubtful(), samples::incomplete());
    let hash = Sha256Digest::of(b"document");
    for language in Language::ALL {
        let text = |report: &Report| {
            let sheets = pdf::render(report, &Pictures::new(), &hash, language).unwrap();
            crate::pdf::text(&sheets)
        };
        let (said, before) = (text(&report), text(&plain));
        for doubt in &report.doubts {
            assert!(said.contains(&crate::pdf::squeezed(&doubt.text)), "{}: {}", language.tag(), doubt.text);
            assert!(!before.contains(&crate::pdf::squeezed(&doubt.text)));
        }
    }
}

#[test]
fn a_document_without_doubts_has_no_such_field() {
    let json = String::from_utf8(samples::revised().to_json().unwrap()).unwrap();
    assert!(!json.contains("doubts"));
    let report = doubtful();
    assert_eq!(Report::from_json(&report.to_json().unwrap()).unwrap(), report);
    hilum_reports::check(&report).unwrap();
}

#[test]
fn a_study_from_which_every_image_was_taken_out_still_has_its_forms() {
    let mut report = samples::revised();
    (report.images, report.models, report.changes) = (Vec::new(), Vec::new(), Vec::new());
    report.summary = hilum_reports::Summary::default();
    report.doubts = vec![Doubt::taken_out((1..=5).map(job_id).collect())];
    hilum_reports::check(&report).unwrap();
    let hash = Sha256Digest::of(b"document");
    let told = &report.doubts[0].text;
    assert!(told.starts_with("5 images were taken out of this study by an operator"), "{told}");
    for language in Language::ALL {
        let page = words(&html::render(&report, &Pictures::new(), &hash, language));
        assert!(page.contains(told.as_str()));
        let sheets = crate::pdf::text(&pdf::render(&report, &Pictures::new(), &hash, language).unwrap());
        assert!(sheets.contains(&crate::pdf::squeezed(told)));
        // No image of it differs from the revision before: nothing stands under that heading, so it is not there.
        for heading in ["Changes since revision 1", "개정 1 이후 변경 사항"] {
            assert!(!page.contains(heading) && !sheets.contains(&crate::pdf::squeezed(heading)), "{heading}");
        }
    }
    assert!(words(&String::from_utf8(fhir::bundle(&report)).unwrap()).contains(told.as_str()));
    // Long sentences go over several segments.
    let message = hl7::oru_r01(&report);
    let doubts = message.split('\r').filter(|segment| segment.contains("|doubt^"));
    let lines: Vec<_> = doubts.map(|segment| segment.split('|').nth(5).unwrap()).collect();
    assert_eq!(lines.join(" "), *told);
}
