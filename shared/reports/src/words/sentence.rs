//! The document's own sentences, which are English: why an image failed, what to do, notices. In another language they are
//! written anew from their code, or from their wording where they have none, and the original goes along: it can name a size
//! or a step that the translation does not.

use hilum_events::Notice;

use super::Language;
use crate::document::{DISCLAIMER, Doubt, DoubtCode, ImageEntry, Report, UNTRAINED_NOTICE};

/// A sentence, ended as the document ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// In the reader's language, or as it stands in the document where this release has no translation.
    pub(crate) text: String,
    /// As it stands in the document, when `text` is a translation.
    pub(crate) original: Option<String>,
}

impl Language {
    pub(crate) fn disclaimer(self, stored: &str) -> &str {
        if stored == DISCLAIMER { self.words().disclaimer } else { stored }
    }

    /// The notice of a model.
    pub(crate) fn model_notice(self, stored: &str) -> &str {
        if stored == UNTRAINED_NOTICE { self.words().untrained } else { stored }
    }

    /// Why an image has no reading.
    pub(crate) fn reason(self, image: &ImageEntry) -> Sentence {
        let Some(reason) = &image.reason else {
            return Sentence { text: self.words().reason_not_recorded.to_owned(), original: None };
        };
        self.told(reason, || korean_of_code(image.reason_code.as_deref()?).map(str::to_owned))
    }

    /// What can be done about an image without a reading.
    pub(crate) fn what_to_do(self, stored: &str) -> Sentence {
        self.told(stored, || korean_what_to_do(stored))
    }

    pub(crate) fn notice(self, notice: &Notice) -> Sentence {
        self.told(&notice.text, || korean_of_code(&notice.code).map(str::to_owned))
    }

    /// A doubt about whose the images are.
    pub(crate) fn doubt(self, report: &Report, doubt: &Doubt) -> Sentence {
        self.told(&doubt.text, || Some(korean_doubt(report, doubt)))
    }

    /// Why there is no picture.
    pub(crate) fn why_no_picture(self, stored: &str) -> Sentence {
        self.told(stored, || korean_why_no_picture(stored))
    }

    fn told(self, stored: &str, korean: impl FnOnce() -> Option<String>) -> Sentence {
        let translated = match self {
            Self::English => None,
            Self::Korean => korean(),
        };
        match translated {
            Some(text) => Sentence { text, original: Some(stored.to_owned()) },
            None => Sentence { text: stored.to_owned(), original: None },
        }
    }
}

/// Codes of refusals, of notices and of what the pipeline itself gave up.
fn korean_of_code(code: &str) -> Option<&'static str> {
    let text = match code {
        "not_an_image" => "PNG, JPEG 또는 DICOM 영상 파일이 아닙니다",
        "no_pixel_data" => "영상이 들어 있지 않은 DICOM 객체입니다",
        "missing_identifier" => "DICOM 객체에 검사, 시리즈 또는 인스턴스 UID가 없습니다",
        "unsupported_transfer_syntax" => "지원하지 않는 방식으로 압축된 DICOM 영상입니다",
        "unsupported_bit_depth" => "지원하지 않는 비트 심도입니다",
        "truncated" => "영상 데이터가 끝나기 전에 파일이 잘렸습니다",
        "damaged" => "파일이 손상되었습니다",
        "too_many_pixels" => "영상의 크기가 너무 큽니다",
        "file_too_large" => "파일이 너무 큽니다",
        "palette_color" => "팔레트 컬러 영상은 분석하지 않습니다",
        "not_monochrome" => "컬러 DICOM 영상은 분석하지 않습니다",
        "multi_frame" => "여러 프레임으로 된 영상은 분석하지 않습니다",
        "cmyk_color" => "CMYK 영상은 분석하지 않습니다",
        "size_mismatch" => "헤더와 화소 데이터가 서로 맞지 않습니다",
        "value_out_of_range" => "화소 값이 헤더가 허용하는 범위를 벗어납니다",
        "unusable_window" => "헤더의 윈도우 또는 룩업 테이블로는 영상을 만들 수 없습니다",
        "decoder_crashed" => "파일을 안전하게 읽을 수 없습니다",
        "decoder_timed_out" => "영상을 해독하는 데 허용된 시간을 넘겼습니다",
        "decoder_unavailable" => "영상 해독기를 사용할 수 없습니다",
        "model_output_unusable" => "모델의 출력값을 사용할 수 없습니다",
        "no_patient_of_its_own" => "환자 정보가 없는 사진이며, 이 검사에는 환자가 있습니다",
        "dead_lettered" => "처리가 거듭 실패하여 중단되었습니다",
        "unknown_modality" => "DICOM 헤더에 모달리티가 적혀 있지 않습니다",
        "other_modality" => "DICOM 헤더의 모달리티가 모델이 대상으로 하는 값이 아닙니다",
        "unknown_body_part" => "DICOM 헤더에 촬영 부위가 적혀 있지 않습니다",
        "other_body_part" => "DICOM 헤더의 촬영 부위가 모델이 대상으로 하는 값이 아닙니다",
        "unknown_view" => "DICOM 헤더에 촬영 방향이 적혀 있지 않습니다",
        "other_view" => "DICOM 헤더의 촬영 방향이 모델이 대상으로 하는 값이 아닙니다",
        "unknown_intent" => "DICOM 헤더에 영상의 표시 목적이 적혀 있지 않습니다",
        "not_for_presentation" => "DICOM 헤더에 따르면 판독용 영상이 아니라 처리 전의 원시 데이터입니다",
        "unknown_species" => "DICOM 헤더에 환자의 종이 적혀 있지 않습니다",
        "other_species" => "DICOM 헤더에 적힌 환자의 종이 모델이 대상으로 하는 값이 아닙니다",
        "colour" => "방사선 영상과 달리 컬러 영상입니다. 모델은 빨간색 채널만 봅니다",
        "tiny" => "영상의 한 변이 100화소보다 작습니다",
        "blank" => "영상의 모든 화소가 같은 값입니다",
        "dark" => {
            "영상의 가장 밝은 값도 전체 범위의 8분의 1에 미치지 못합니다. 모델에는 너무 어둡게 보일 수 있습니다"
        }
        "turned" => {
            "영상을 돌리거나 뒤집어야 한다고 파일(EXIF)에 적혀 있으나, 모델은 저장된 그대로 봅니다. 좌우가 바뀌어 있을 수 있습니다"
        }
        _ => return None,
    };
    Some(text)
}

/// The original beside it says more of many images.
fn korean_doubt(report: &Report, doubt: &Doubt) -> String {
    const NAMED: usize = 12;
    let numbers = doubt.job_ids.iter().filter_map(|job_id| report.number_of(*job_id)).take(NAMED);
    let mut images = numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    if doubt.job_ids.len() > NAMED {
        images += &format!(" 외 {}건", doubt.job_ids.len() - NAMED);
    }
    match doubt.code {
        DoubtCode::HeadersDiffer => {
            let fields: Vec<_> = doubt.fields.iter().map(|field| field.korean()).collect();
            format!(
                "영상 헤더의 환자 정보가 서로 다릅니다({}). 서로 다른 사람의 영상일 수 있으므로 이 보고서의 어떤 형식에도 \
                 환자를 표시하지 않습니다.",
                fields.join(", ")
            )
        }
        DoubtCode::WithoutPatient => format!(
            "영상 {images}: 환자 정보가 없는 사진입니다. 이 검사의 환자의 것이라는 근거는 송신 측의 말뿐입니다."
        ),
        DoubtCode::TakenOut => format!(
            "운영자가 영상 {}건을 이 검사에서 제외했습니다. 이전 개정판에는 포함되어 있을 수 있습니다.",
            doubt.job_ids.len()
        ),
        DoubtCode::InstanceTwice => format!(
            "영상 {images}: SOP Instance UID는 같으나 내용이 서로 다릅니다. UID가 어느 영상을 가리키는지 알 수 없습니다."
        ),
    }
}

fn korean_what_to_do(stored: &str) -> Option<String> {
    if stored.starts_with("Send it as a study of its own") {
        return Some(
            "별도의 검사로 보내거나, 환자를 아는 DICOM 영상으로 보내십시오. 기관 설정(pictures_join_patients)으로 허용할 \
             수도 있습니다."
                .to_owned(),
        );
    }
    if stored.starts_with("Send a sound file as a new image of this study") {
        return Some(
            "온전한 파일을 이 검사의 새 영상으로 보내십시오. 그러면 보고서가 개정됩니다.".to_owned(),
        );
    }
    let (step, tries) = stored.strip_prefix("The step ")?.split_once(" tried it ")?;
    let times = match tries.split_once(" and gave up")?.0 {
        "once" => "1",
        times => times.strip_suffix(" times")?,
    };
    Some(format!(
        "{step} 단계가 {times}번 시도한 뒤 중단했습니다. 설치 운영자는 `hilum dlq` 명령으로 경위를 모두 확인하고 다시 \
         시도하게 할 수 있으며, 그러면 보고서가 개정됩니다."
    ))
}

fn korean_why_no_picture(stored: &str) -> Option<String> {
    if let Some(rest) = stored.strip_prefix("the study has ") {
        let pictures = rest.strip_suffix(" pictures, too many to show here")?;
        return Some(format!("검사의 영상이 {pictures}건으로, 여기에 모두 표시하기에는 너무 많습니다"));
    }
    let is_gone = stored.starts_with("object ") && stored.ends_with(" is not in storage");
    let is_damaged = stored.starts_with("object ") && stored.contains(" in storage is damaged");
    let text = match stored {
        "the pictures of the study are too large to show here" => {
            "검사의 영상이 여기에 표시하기에는 너무 큽니다"
        }
        "what was stored as its picture is not one" => "미리보기로 저장된 파일이 영상이 아닙니다",
        _ if is_gone => "미리보기가 저장소에 없습니다",
        _ if is_damaged => "저장소의 미리보기가 손상되었습니다",
        _ if stored.starts_with("no picture was kept when it was read") => {
            "분석할 때 보관된 영상이 없고, 나중에 만드는 수에는 한도가 있습니다"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
