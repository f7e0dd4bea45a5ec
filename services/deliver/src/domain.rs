//! The decisions: what a fact means to a target, which rules a reading matches, what a webhook is told of a flag. Pure: no
//! clock, network or storage.

use hilum_events::{
    Envelope, Event, FlagAction, InferenceCompleted, JobId, Matter, Measure, ReadingId, Site, StudyFlagged,
    StudyId, untrained,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::targets::{Rule, Target};

/// Stands on every flag.
const DISCLAIMER: &str = "For research use only. Not a diagnosis.";

/// What a target is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) study_id: StudyId,
    pub(crate) matter: Matter,
    /// Number of the round of tries, from 1.
    pub(crate) attempt: u32,
}

/// What `target` is to be given because of this fact; `None` for nothing.
pub(crate) fn assignment(fact: &Envelope, target: &Target) -> Option<Assignment> {
    let wanted = target.sites.has(&fact.site)
        && match &fact.event {
            Event::ReportIssued(_) => !target.forms.is_empty(),
            Event::StudyFlagged(flag) => notifies(flag, target),
            Event::DeliveryResolved(decision) => decision.target == target.name,
            _ => false,
        };
    let (study_id, matter, attempt) = fact.event.delivery().filter(|_| wanted)?;
    Some(Assignment { study_id, matter, attempt })
}

/// Whether the rule of the flag wants this target notified.
fn notifies(flag: &StudyFlagged, target: &Target) -> bool {
    flag.actions.contains(&FlagAction::Notify) && flag.targets.contains(&target.name)
}

/// The image of a study that has a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadImage {
    pub(crate) study_id: StudyId,
    pub(crate) job_id: JobId,
}

/// The flags that `reading` gives the study of `image`, one for each rule that it matches. What an untrained model says
/// means nothing: it matches only rules that are for a demonstration.
pub(crate) fn flags(
    rules: &[Rule],
    site: &Site,
    image: ReadImage,
    reading: &InferenceCompleted,
) -> Vec<StudyFlagged> {
    let untrained = !reading.model.trained;
    let rules = rules.iter().filter(|rule| rule.sites.has(site) && (rule.demonstration || !untrained));
    let flag = |rule: &Rule| {
        let value = measured(rule, reading).filter(|value| *value >= rule.threshold)?;
        Some(StudyFlagged {
            study_id: image.study_id,
            rule: rule.name.clone(),
            job_id: image.job_id,
            reading_id: reading.reading_id,
            label: rule.label.clone(),
            measure: rule.measure,
            value,
            threshold: rule.threshold,
            actions: rule.actions.clone(),
            targets: rule.targets.clone(),
            untrained,
        })
    };
    rules.filter_map(flag).collect()
}

/// What the rule compares; `None` when the model has no such label, or no such measure for it.
fn measured(rule: &Rule, reading: &InferenceCompleted) -> Option<f32> {
    let finding = reading.findings.iter().find(|finding| finding.label == rule.label)?;
    match rule.measure {
        Measure::Probability => Some(finding.probability),
        Measure::OperatingPointScore => finding.operating_point_score,
    }
}

/// What a webhook is told of a flag.
#[derive(Serialize)]
struct FlagNotice<'a> {
    format: &'static str,
    disclaimer: &'static str,
    site: &'a Site,
    study_id: StudyId,
    rule: &'a str,
    flagged_at: Timestamp,
    job_id: JobId,
    reading_id: ReadingId,
    label: &'a str,
    measure: Measure,
    value: f32,
    threshold: f32,
    actions: &'a [FlagAction],
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
}

/// The body of the notice about a flag: the same bytes each time.
///
/// # Errors
/// Only when a type here has no JSON form.
pub(crate) fn notice(fact: &Envelope, flag: &StudyFlagged) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&FlagNotice {
        format: "hilum-flag/1",
        disclaimer: DISCLAIMER,
        site: &fact.site,
        study_id: flag.study_id,
        rule: flag.rule.as_str(),
        flagged_at: fact.occurred_at,
        job_id: flag.job_id,
        reading_id: flag.reading_id,
        label: &flag.label,
        measure: flag.measure,
        value: flag.value,
        threshold: flag.threshold,
        actions: &flag.actions,
        notice: flag.untrained.then_some(untrained::IN_ANSWERS),
    })
}

#[cfg(test)]
mod tests {
    use hilum_events::{ModelIdentity, Resolution, samples};

    use super::*;
    use crate::protocol::{Endpoint, Protocol, S3Settings, WebhookSettings};
    use crate::secret::Secret;
    use crate::targets::SiteFilter;

    /// A store that takes reports, or a webhook that takes flags only.
    fn target(name: &str) -> Target {
        let protocol = match name {
            "pacs" => Protocol::S3(S3Settings {
                store_url: "file:///reports".to_owned(),
                prefix: String::new(),
                options: Vec::new(),
                requires_patient_id: false,
            }),
            _ => Protocol::Webhook(WebhookSettings {
                endpoint: Endpoint { url: "http://desk.example".parse().unwrap(), token: None },
                secret: Secret::new("open sesame", "X").unwrap(),
                every_revision: false,
            }),
        };
        let target = Target::new(name.parse().unwrap(), protocol);
        let forms = if name == "pacs" { target.forms.clone() } else { Vec::new() };
        Target { forms, ..target }
    }

    fn rule(name: &str, measure: Measure, actions: &[FlagAction]) -> Rule {
        Rule {
            name: name.parse().unwrap(),
            sites: SiteFilter::All,
            label: "Effusion".to_owned(),
            measure,
            threshold: 0.5,
            actions: actions.to_vec(),
            targets: Vec::new(),
            demonstration: false,
        }
    }

    fn rules() -> Vec<Rule> {
        let mut high = rule("high", Measure::Probability, &[FlagAction::Notify]);
        high.targets = vec!["desk".parse().unwrap()];
        vec![high, rule("scored", Measure::OperatingPointScore, &[FlagAction::Worklist])]
    }

    /// A reading with one finding.
    fn reading(probability: f32, score: Option<f32>) -> InferenceCompleted {
        let Event::InferenceCompleted(mut reading) = samples::inference_completed(1, "a", 0).event else {
            panic!("the sample is another event")
        };
        reading.model.trained = true;
        reading.findings.truncate(1);
        reading.findings[0].label = "Effusion".to_owned();
        reading.findings[0].probability = probability;
        reading.findings[0].operating_point_score = score;
        reading
    }

    fn flagged(probability: f32, score: Option<f32>) -> Vec<String> {
        let image = ReadImage { study_id: samples::study_id(), job_id: samples::job_id(1) };
        let flags = flags(&rules(), &Site::default(), image, &reading(probability, score));
        flags.into_iter().map(|flag| flag.rule.to_string()).collect()
    }

    #[test]
    fn a_rule_matches_at_its_threshold_and_above() {
        assert_eq!(flagged(0.5, None), ["high"]);
        assert_eq!(flagged(0.499, None), [""; 0]);
        assert_eq!(flagged(0.2, Some(0.8)), ["scored"]);
        assert_eq!(flagged(0.9, Some(0.8)), ["high", "scored"]);
    }

    #[test]
    fn a_rule_looks_at_its_own_sites_and_label() {
        let image = ReadImage { study_id: samples::study_id(), job_id: samples::job_id(1) };
        let mut rules = rules();
        let site: Site = "south".parse().unwrap();
        assert_eq!(flags(&rules, &site, image, &reading(0.9, None)).len(), 1);
        rules[0].sites = SiteFilter::Only([Site::default()].into());
        assert!(flags(&rules, &site, image, &reading(0.9, None)).is_empty());
        rules[0].sites = SiteFilter::All;
        rules[0].label = "Mass".to_owned();
        assert!(flags(&rules, &site, image, &reading(0.9, None)).is_empty());
    }

    #[test]
    fn an_untrained_model_flags_nothing_but_for_a_demonstration_and_then_says_so() {
        let image = ReadImage { study_id: samples::study_id(), job_id: samples::job_id(1) };
        let untrained = InferenceCompleted {
            model: ModelIdentity { trained: false, ..samples::model() },
            ..reading(0.9, Some(0.9))
        };
        let mut rules = rules();
        assert_eq!(flags(&rules, &Site::default(), image, &untrained), []);
        rules[0].demonstration = true;
        let flagged = flags(&rules, &Site::default(), image, &untrained);
        assert_eq!(flagged.len(), 1);
        assert!(flagged[0].untrained, "{flagged:?}");
        assert!(!flags(&rules, &Site::default(), image, &reading(0.9, None))[0].untrained);

        let mut fact = samples::study_flagged(1, "a", 0);
        for (untrained, says) in [(true, true), (false, false)] {
            if let Event::StudyFlagged(flag) = &mut fact.event {
                flag.untrained = untrained;
            }
            let Event::StudyFlagged(flag) = &fact.event else { panic!("the sample is another event") };
            let told = String::from_utf8(notice(&fact, flag).unwrap()).unwrap();
            assert_eq!(told.contains("UNTRAINED"), says, "{told}");
        }
    }

    #[test]
    fn a_report_goes_to_who_takes_forms_of_its_site() {
        let report = samples::report_issued(2, &[], 0);
        let given = assignment(&report, &target("pacs")).unwrap();
        assert_eq!((given.matter, given.attempt), (Matter::Report(2), 1));
        assert_eq!(assignment(&report, &target("desk")), None, "it takes only flags");
        let other = SiteFilter::Only(["elsewhere".parse().unwrap()].into());
        assert_eq!(assignment(&report, &Target { sites: other, ..target("pacs") }), None);
        assert_eq!(assignment(&samples::image_stored(1, "a", 0), &target("pacs")), None);
    }

    #[test]
    fn a_flag_goes_to_whom_its_rule_names() {
        let mut flag = samples::study_flagged(1, "a", 0);
        let Event::StudyFlagged(told) = &mut flag.event else { panic!("the sample is another event") };
        (told.actions, told.targets) = (vec![FlagAction::Notify], vec!["desk".parse().unwrap()]);
        assert!(assignment(&flag, &target("desk")).is_some());
        assert_eq!(assignment(&flag, &target("pacs")), None);
        if let Event::StudyFlagged(told) = &mut flag.event {
            told.actions = vec![FlagAction::Worklist];
        }
        assert_eq!(assignment(&flag, &target("desk")), None, "nobody is to be told");
    }

    #[test]
    fn a_redrive_begins_the_next_round_of_its_target_and_a_discard_none() {
        let decided = |resolution| {
            let mut decision = samples::delivery_resolved(2, resolution, 0);
            let Event::DeliveryResolved(event) = &mut decision.event else {
                panic!("the sample is another event")
            };
            event.attempt = 3;
            decision
        };
        let redrive = decided(Resolution::Redrive);
        let begun = assignment(&redrive, &target("pacs")).unwrap();
        assert_eq!((begun.matter, begun.attempt), (Matter::Report(2), 4));
        assert_eq!(assignment(&redrive, &target("desk")), None, "it is about another target");
        assert_eq!(assignment(&decided(Resolution::Discard), &target("pacs")), None);
    }

    #[test]
    fn a_notice_tells_the_flag_and_what_it_is_not() {
        let fact = samples::study_flagged(1, "a", 0);
        let Event::StudyFlagged(flag) = &fact.event else { panic!("the sample is another event") };
        let bytes = notice(&fact, flag).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&told["format"], &told["rule"]), (&"hilum-flag/1".into(), &flag.rule.as_str().into()));
        assert_eq!(told["disclaimer"], DISCLAIMER);
        assert_eq!(bytes, notice(&fact, flag).unwrap());
    }
}
