//! The sentences in Korean, as a radiology department writes them. What a model says is called an analysis (AI 분석):
//! "판독 완료" in a Korean hospital means that a radiologist has signed.

use hilum_events::ReportCause;

use super::Words;
use crate::document::{ChangeKind, ImageStatus};

pub(super) static WORDS: Words = Words {
    kicker: "Hilum image report (영상 보고서)",
    study: "검사",
    revision: |number| format!("개정 {number}"),
    title: |study, revision| format!("검사 {study}, 개정 {revision}"),
    disclaimer: "연구용으로만 사용하십시오. 진단이 아닙니다.",
    untrained: "학습되지 않은(UNTRAINED) 시연용 신경망: 이 수치에는 아무런 의미가 없습니다",
    untrained_in_short: "학습되지 않은(UNTRAINED) 신경망: 수치에 의미 없음",
    page: |number, of| format!("{of}쪽 중 {number}쪽"),

    status: "상태",
    counts: |summary| {
        let mut text = format!("영상 {}건: AI 분석 완료 {}건", summary.images, summary.completed);
        if summary.failed > 0 {
            text += &format!(", 분석 불가 {}건", summary.failed);
        }
        if summary.pending() > 0 {
            text += &format!(", 결과 대기 {}건", summary.pending());
        }
        if summary.duplicates > 0 {
            text += &format!(" (동일 내용 공유 {}건)", summary.duplicates);
        }
        text
    },
    as_of: "기준 시각",
    site: "송신 기관",
    issued_because: "발행 사유",
    cause: |cause| match cause {
        ReportCause::QuietTime => "모든 영상의 결과가 정해졌고 일정 시간 동안 추가 영상이 없었음",
        ReportCause::Closed => "모든 영상의 결과가 정해졌고 송신 측에서 검사를 종료함",
        ReportCause::Expected => "송신 측이 알린 영상의 결과가 모두 정해졌음",
        ReportCause::ExpectedSeries => "예정된 시리즈가 모두 도착했고 모든 영상의 결과가 정해졌음",
        ReportCause::TimeLimit => "검사에 정해진 시간이 지났음",
        ReportCause::ImageTakenOut => "영상이 검사에서 제외됨",
    },
    study_id: "검사 ID",
    changes_since: |revision| format!("개정 {revision} 이후 변경 사항"),
    change: |change| match change {
        ChangeKind::Added => ": 추가됨",
        ChangeKind::OutcomeChanged => ": 결과가 바뀜",
    },

    doubts: "누구의 영상인지 확인하십시오",
    completeness: "완결 여부",
    complete: "예정된 항목이 모두 포함됨",
    incomplete: "미완결 보고서: 예정된 항목 중 일부가 빠져 있습니다",
    missing_images: |expected, arrived| format!("예정된 영상 {expected}건 중 {arrived}건만 도착함"),
    missing_series: |name| format!("시리즈 {name}: 도착하지 않음"),
    missing_beyond: |most| format!("영상이 {most}건을 넘게 도착함: 처음 {most}건만 이 보고서에 포함됨"),
    missing_outcome: |image| format!("{image}: 도착했으나 아직 결과가 없음"),
    flagged: "주의 표시",
    flag_numbers: |score, probability, threshold| {
        let score = score.map(|score| format!("점수 {score:.2}, ")).unwrap_or_default();
        format!("{score}확률 {probability:.4}, 기준값 {threshold:.2}")
    },
    flagged_by: |rule| format!("규칙 {rule}에 따라 표시"),

    comparison: "이전 검사와 비교",
    compared_with: |study, revision, as_of| {
        format!(
            "검사 {study}, 개정 {revision}, 기준 시각 {as_of}. 각 수치는 해당 검사의 영상 중 가장 높은 값입니다."
        )
    },
    other_model: "두 검사를 분석한 모델이 서로 달라 수치를 비교할 수 없습니다.",
    nothing_in_both: "두 검사에서 모두 분석된 소견이 없어 비교할 것이 없습니다.",
    earlier_score: "이전 점수",
    current_score: "현재 점수",
    score_change: "변화",
    earlier_probability: "이전 확률",
    current_probability: "현재 확률",

    image: |number| format!("영상 {number}"),
    outcome_of: |status| match status {
        ImageStatus::Completed => "AI 분석 완료",
        ImageStatus::Failed => "AI 분석 불가",
        ImageStatus::Pending => "AI 분석 결과 대기",
    },
    shared_with: ["작업 ", "의 영상과 내용이 같아 그 분석 결과를 공유합니다."],
    no_reading: "AI 분석 불가: ",
    reason_not_recorded: "사유가 기록되지 않았습니다",
    what_to_do: "조치 방법: ",
    pending_means: "이 보고서를 발행할 때까지 결과가 나오지 않았습니다. 결과가 나오면 보고서가 개정됩니다.",
    please_note: "유의 사항: ",
    original: "원문: ",

    no_preview: "미리보기 없음: ",
    none_was_kept: "보관된 영상이 없습니다",
    not_fetched: "영상을 가져오지 않았습니다",
    not_a_picture: "미리보기로 저장된 파일이 영상이 아닙니다",
    picture: "축소한 영상입니다.",
    picture_of: |width, height| format!("축소한 영상이며, 원본은 {width} × {height} 화소입니다."),
    picture_alone: |number| format!("영상 {number}, 축소, 겹쳐 표시한 것 없음"),
    picture_without_reading: |number| format!("영상 {number}, 축소, AI 분석 결과 없음"),
    picture_with_map: |number, label| format!("영상 {number}에 {label} 활성화 맵을 겹친 그림"),
    map_of: ["활성화 맵: ", ", 격자 ", "."],
    untrained_map: "학습되지 않음: 의미 없음.",
    nothing_coloured: "양의 기여를 하는 격자가 없어 색을 표시하지 않았습니다.",
    colours: "평균하기 전 각 격자가 로짓에 기여한 값이며, 양의 기여만 색으로 표시합니다.",
    not_analysed: "분석 제외",

    findings: "소견",
    finding: "소견",
    score: "점수",
    tick: "눈금 0.5 = 작동점",
    probability: "확률",
    logit: "로짓",
    at_or_above: "작동점 이상",
    no_operating_point: "이 소견에 대한 작동점이 모델에 없음",
    none: "없음",

    received: "수신 시각",
    file_type: "파일 형식",
    bytes: |bytes| {
        if bytes < 10_000 { format!("{bytes}바이트") } else { format!("{} kB", bytes.div_ceil(1000)) }
    },
    model: "모델",
    job: "작업",
    reading: "AI 분석",
    taken_from: "결과 출처",
    same_pixels: ["화소가 같은 다른 파일의 분석 ", ""],
    sop_instance: "SOP 인스턴스",
    series: "시리즈",
    modality: "모달리티",

    further_images: "그 밖의 영상",
    only_in_json: "전체 내용은 기계 판독용 문서에만 있습니다.",
    image_column: "영상",
    outcome: "결과",

    how_to_read: "보고서 읽는 법",
    untrained_means: "처리 과정이 어떻게 동작하는지를 보여 줄 뿐입니다.",
    score_means: ": 0에서 1 사이의 값이며, 0.5가 해당 소견에 대한 모델의 작동점입니다. 순위를 매기기 위한 값으로, \
                  질환이 있을 확률이 아닙니다. ",
    probability_means: ": 신경망의 출력값 그대로이며, 이 또한 보정된 값이 아닙니다.",
    activation_map: "활성화 맵",
    map_means: ": 영상의 어느 부분이 한 소견의 로짓을 높였는지를 신경망 고유의 성긴 격자로 보여 줍니다. 양의 기여만 \
                색으로 표시합니다. 병변의 윤곽이 아니며, 옆에 있는 구조 때문에 격자에 색이 나타날 수도 있습니다.",
    hatched: "빗금",
    hatched_means: ": 신경망에 입력되기 전에 잘려 나가 분석에서 제외된 부분입니다.",

    notice: "유의 사항",
    name: "이름",
    version: "버전",
    weights: "가중치 SHA-256",
    preprocessing: "전처리",
    engine: "실행 엔진",
    provenance: "생성 근거",
    made_of: |events| {
        let before = format!("로그의 이벤트 {events}건으로 작성되었습니다. 원인 이벤트: ");
        [before, ". 기계 판독용 문서의 SHA-256: ".to_owned(), ".".to_owned()]
    },
    position: "로그 위치",
    event: "이벤트",
    recorded: "기록 시각",
    id: "ID",
    further_events: |events| format!("나머지 {events}건은 기계 판독용 문서에 있습니다."),
};
