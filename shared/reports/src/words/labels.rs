//! Korean names of findings: the labels of torchxrayvision's chest networks.

/// The name, as radiologists say it; `None` for a label that is not known here.
pub(super) fn korean(label: &str) -> Option<&'static str> {
    let name = match label.replace('_', " ").as_str() {
        "Atelectasis" => "무기폐",
        "Consolidation" => "폐경화",
        "Infiltration" => "침윤",
        "Pneumothorax" => "기흉",
        "Edema" => "폐부종",
        "Emphysema" => "폐기종",
        "Fibrosis" => "섬유화",
        "Effusion" => "흉수",
        "Pneumonia" => "폐렴",
        "Pleural Thickening" => "흉막 비후",
        "Cardiomegaly" => "심비대",
        "Nodule" => "결절",
        "Mass" => "종괴",
        "Hernia" => "탈장",
        "Lung Lesion" => "폐 병변",
        "Fracture" => "골절",
        "Lung Opacity" => "폐 음영 증가",
        "Enlarged Cardiomediastinum" => "심장종격동 확대",
        _ => return None,
    };
    Some(name)
}
