//! What a model folder wants of an image before the network sees it, in the terms of the imaging library, and which
//! images it wants at all. No IO and no engine.

use hilum_events::Notice;
use hilum_imaging::{DicomValues, ImageHeader, Preparation, Preprocessing, ResizeMethod};
use hilum_models::{HeaderRule, Manifest, ResizeRule, ValuesRule, Verdict, objections};

/// This release prepares images otherwise than the model wants it.
#[derive(Debug, thiserror::Error)]
#[error(
    "the model wants the preprocessing {wanted}, this release has {found}; use the release it was made for"
)]
pub(crate) struct OtherPreprocessing {
    wanted: String,
    found: String,
}

/// How images are prepared for the model.
///
/// # Errors
/// This release has other preprocessing than the manifest names.
pub(crate) fn preparation(manifest: &Manifest) -> Result<Preparation, OtherPreprocessing> {
    let preparation = Preparation {
        preprocessing: Preprocessing {
            input_side_px: manifest.input_side_px,
            resize: match manifest.resize {
                ResizeRule::SkimageGaussian => ResizeMethod::SkimageGaussian,
                ResizeRule::TorchAntialias => ResizeMethod::TorchAntialias,
            },
            value_range: manifest.value_range[1],
        },
        values: match manifest.values {
            ValuesRule::Stored => DicomValues::Stored,
            ValuesRule::Window => DicomValues::Window,
        },
    };
    let (wanted, found) = (manifest.preprocessing_id(), preparation.id());
    if wanted == found { Ok(preparation) } else { Err(OtherPreprocessing { wanted, found }) }
}

/// What is to be said of an image with this header, or why it is not read.
pub(crate) fn judge(rules: &[HeaderRule], header: &ImageHeader) -> Result<Vec<Notice>, Notice> {
    let mut notices = Vec::new();
    for objection in objections(rules, header) {
        let notice = Notice { code: objection.code.to_owned(), text: objection.text };
        match objection.verdict {
            Verdict::Refuse => return Err(notice),
            Verdict::Flag | Verdict::Read => notices.push(notice),
        }
    }
    Ok(notices)
}

#[cfg(test)]
mod field;
#[cfg(test)]
mod tests {
    use hilum_imaging::HeaderValue;

    use super::*;

    fn manifest() -> Manifest {
        Manifest::chest_densenet121(vec!["Mass".to_owned()], vec![0.5])
    }

    #[test]
    fn every_setting_of_a_manifest_has_the_same_name_on_both_sides() {
        for resize in [ResizeRule::SkimageGaussian, ResizeRule::TorchAntialias] {
            for values in [ValuesRule::Stored, ValuesRule::Window] {
                let manifest = Manifest { resize, values, ..manifest() };
                assert_eq!(preparation(&manifest).unwrap().id(), manifest.preprocessing_id());
            }
        }
    }

    #[test]
    fn one_reason_to_refuse_is_enough_and_flags_are_all_said() {
        let header = |modality: &str, view: &str| ImageHeader {
            modality: HeaderValue::of(modality),
            view_position: HeaderValue::of(view),
            ..ImageHeader::default()
        };
        let rules = manifest().header_rules;
        assert_eq!(judge(&rules, &header("CR", "PA")), Ok(Vec::new()));
        let flagged = judge(&rules, &header("CR", "LL")).unwrap();
        assert_eq!(flagged.iter().map(|notice| notice.code.as_str()).collect::<Vec<_>>(), ["other_view"]);
        assert_eq!(judge(&rules, &header("CT", "LL")).unwrap_err().code, "other_modality");
    }
}
