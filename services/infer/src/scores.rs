//! From logits to what a reader sees: probabilities and operating-point scores. Plain arithmetic on a few numbers; no
//! tensor, no threshold table of its own.

use serde::{Deserialize, Serialize};

/// What the model says about one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelScore {
    /// The label.
    pub label: String,
    /// Output of the last layer.
    pub logit: f32,
    /// Sigmoid of the logit, 0..1. Not calibrated.
    pub probability: f32,
    /// 0..1, and 0.5 at the label's operating point: comparable between labels.
    pub operating_point_score: f32,
}

/// One finding per named label, in the model's order. Outputs without a label are left out.
pub fn findings(labels: &[String], op_threshs: &[f32], logits: &[f32]) -> Vec<LabelScore> {
    let named = labels.iter().zip(op_threshs).zip(logits).filter(|((label, _), _)| !label.is_empty());
    let finding = |((label, threshold), logit): ((&String, &f32), &f32)| {
        let probability = sigmoid(*logit);
        LabelScore {
            label: label.clone(),
            logit: *logit,
            probability,
            operating_point_score: operating_point_score(probability, *threshold),
        }
    };
    named.map(finding).collect()
}

/// The finding farthest above its operating point; the first of several equal ones.
pub fn top_finding(findings: &[LabelScore]) -> Option<&LabelScore> {
    let higher =
        |best: &LabelScore, next: &LabelScore| next.operating_point_score > best.operating_point_score;
    findings.iter().reduce(|best, next| if higher(best, next) { next } else { best })
}

/// 1 / (1 + e^−x).
pub fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Brings a probability to a scale on which the threshold lies at 0.5: linear from 0 to the threshold and from there
/// to 1. Without a threshold (NaN) it is 0.5. Source: `op_norm` of torchxrayvision 1.5.7; divided, not multiplied by a
/// reciprocal, as there.
pub fn operating_point_score(probability: f32, threshold: f32) -> f32 {
    if threshold.is_nan() {
        0.5
    } else if probability < threshold {
        probability / (threshold * 2.0)
    } else {
        1.0 - (1.0 - probability) / ((1.0 - threshold) * 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hilum_models::demo::LABELS;
    use proptest::prelude::*;

    fn labels() -> (Vec<String>, Vec<f32>) {
        LABELS.iter().map(|(label, threshold)| ((*label).to_owned(), *threshold as f32)).unzip()
    }

    #[test]
    fn the_threshold_itself_scores_one_half() {
        for (_, threshold) in LABELS {
            assert!((operating_point_score(threshold as f32, threshold as f32) - 0.5).abs() < 1e-6);
        }
    }

    #[test]
    fn a_label_without_threshold_scores_one_half() {
        assert_eq!(operating_point_score(0.9, f32::NAN), 0.5);
    }

    #[test]
    fn an_output_without_a_label_is_left_out() {
        let found = findings(&["A".into(), String::new()], &[0.1, f32::NAN], &[0.0, 1.0]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].probability, 0.5);
    }

    #[test]
    fn the_top_finding_is_the_one_farthest_above_its_operating_point() {
        let (labels, thresholds) = labels();
        let mut logits = vec![-6.0; labels.len()];
        logits[16] = -0.5; // 0.38 against 0.2
        logits[5] = -1.5; // 0.18 against 0.002
        let found = findings(&labels, &thresholds, &logits);
        assert_eq!(top_finding(&found).unwrap().label, "Lung Opacity");
        assert_eq!(top_finding(&[]), None);
    }

    #[test]
    fn extreme_logits_stay_between_0_and_1() {
        assert_eq!(sigmoid(-1000.0), 0.0);
        assert_eq!(sigmoid(1000.0), 1.0);
    }

    proptest! {
        #[test]
        fn the_score_grows_with_the_probability(a in 0f32..=1.0, b in 0f32..=1.0, t in 0.001f32..0.999) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            let (low, high) = (operating_point_score(low, t), operating_point_score(high, t));
            prop_assert!(low <= high + 1e-6);
            prop_assert!((-1e-6..=1.000_001).contains(&low));
        }

        /// For thresholds below one half the curve is concave, so the smaller of its two lines is the score.
        #[test]
        fn the_score_is_the_smaller_of_both_lines(p in 0f32..=1.0, index in 0usize..18) {
            let t = LABELS[index].1 as f32;
            let smaller = (p / (t * 2.0)).min(1.0 - (1.0 - p) / ((1.0 - t) * 2.0));
            prop_assert!((operating_point_score(p, t) - smaller).abs() <= 1e-6);
        }
    }
}
