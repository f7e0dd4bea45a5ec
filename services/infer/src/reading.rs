//! What a reading says: the network's numbers as findings and maps, and which failures belong to the image. No IO
//! and no clock.

use hilum_events::{
    ActivationMap, AnalysedRegion, BlobRef, EngineIdentity, Finding, InferenceCompleted, InferenceFailed,
    InferenceRequested, ModelIdentity, Notice, PictureId, ReaderIdentity, ReadingFlaw, ReadingTimes,
    Sha256Digest, check_labels, check_reading,
};
use hilum_imaging::Preparation;
use hilum_models::{HeaderRule, ModelFolder};

use crate::engine::{ActivationMaps, EngineDescription, Output};
use crate::model_input::preparation;
use crate::scores;

/// The model of this process.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) identity: ModelIdentity,
    /// The reader that is named when an image can't be read.
    reader: ReaderIdentity,
    pub(crate) engine: EngineDescription,
    pub(crate) preparation: Preparation,
    pub(crate) header_rules: Vec<HeaderRule>,
    reading_key: String,
    labels: Vec<String>,
    op_threshs: Vec<f32>,
    mapped_labels: usize,
}

/// What was seen on the way to the network's output.
#[derive(Debug, Clone)]
pub(crate) struct ImageFacts {
    pub(crate) region: AnalysedRegion,
    pub(crate) pixel_digest: Sha256Digest,
    pub(crate) notices: Vec<Notice>,
    /// The image for people, in storage.
    pub(crate) preview: Option<BlobRef>,
    pub(crate) times: ReadingTimes,
}

impl Model {
    /// The model of a folder as `engine` computes it; readings keep the maps of so many labels.
    ///
    /// # Errors
    /// This release prepares images otherwise than the model wants it, or can't name the model.
    pub(crate) fn of(
        folder: &ModelFolder,
        engine: EngineDescription,
        mapped_labels: usize,
    ) -> anyhow::Result<Self> {
        let manifest = folder.manifest();
        Ok(Self {
            identity: (&folder.identity()).try_into()?,
            reader: folder.reader()?,
            engine,
            preparation: preparation(manifest)?,
            header_rules: manifest.header_rules.clone(),
            reading_key: folder.identity().reading_key().to_string(),
            labels: manifest.labels.clone(),
            op_threshs: manifest.op_threshs_f32(),
            mapped_labels,
        })
    }

    /// What this model sees of these pixels.
    pub(crate) fn picture_id(&self, pixel_digest: &Sha256Digest) -> PictureId {
        PictureId::of(pixel_digest, &self.reading_key)
    }

    /// The reading of the same pixels in another file as the answer to this request; `None` if it is not of the same
    /// pixels and model after all.
    pub(crate) fn reused(
        &self,
        request: &InferenceRequested,
        source: &InferenceCompleted,
        seen: &ImageFacts,
    ) -> Option<InferenceCompleted> {
        let is_same = source.model == self.identity
            && source.pixel_digest == seen.pixel_digest
            && source.region == seen.region
            && source.reading_id != request.reading_id;
        is_same.then(|| InferenceCompleted {
            reading_id: request.reading_id,
            job_id: request.job_id,
            notices: seen.notices.clone(),
            preview: seen.preview.clone(),
            times: seen.times,
            reused_from: Some(source.reused_from.unwrap_or(source.reading_id)),
            ..source.clone()
        })
    }

    /// Puts the network's output into the fact of the reading.
    pub(crate) fn completed(
        &self,
        request: &InferenceRequested,
        output: &Output,
        seen: ImageFacts,
    ) -> InferenceCompleted {
        let findings: Vec<Finding> = scores::findings(&self.labels, &self.op_threshs, &output.logits)
            .into_iter()
            .zip(self.op_threshs.iter().zip(&self.labels).filter(|(_, label)| !label.is_empty()))
            .map(|(finding, (threshold, _))| Finding {
                label: finding.label,
                logit: finding.logit,
                probability: finding.probability,
                operating_point_score: (!threshold.is_nan()).then_some(finding.operating_point_score),
            })
            .collect();
        let activation_maps =
            output.maps.as_ref().map_or_else(Vec::new, |maps| self.top_maps(&findings, maps));
        InferenceCompleted {
            reading_id: request.reading_id,
            job_id: request.job_id,
            findings,
            activation_maps,
            region: seen.region,
            pixel_digest: seen.pixel_digest,
            model: self.identity.clone(),
            engine: EngineIdentity {
                engine: self.engine.engine.clone(),
                version: self.engine.version.clone(),
                precision: self.engine.precision.clone(),
                device: self.engine.device.clone(),
            },
            times: seen.times,
            notices: seen.notices,
            reused_from: None,
            preview: seen.preview,
        }
    }

    /// The image itself is why there is no reading.
    pub(crate) fn failed(
        &self,
        request: &InferenceRequested,
        code: String,
        reason: String,
    ) -> InferenceFailed {
        InferenceFailed {
            reading_id: request.reading_id,
            job_id: request.job_id,
            attempt: request.attempt,
            code,
            reason,
            reader: Some(self.reader.clone()),
        }
    }

    /// Looks for what no reading by this model can say: such a one must not be published.
    ///
    /// # Errors
    /// The first flaw that is found.
    pub(crate) fn check(&self, reading: &InferenceCompleted) -> Result<(), ReadingFlaw> {
        let InferenceCompleted { findings, activation_maps, region, times, .. } = reading;
        check_reading(findings, activation_maps, *region, *times)?;
        let labels = self.labels.iter().filter(|label| !label.is_empty());
        check_labels(findings, labels.map(String::as_str))
    }

    /// The maps of the labels with the highest scores, highest first.
    fn top_maps(&self, findings: &[Finding], maps: &ActivationMaps) -> Vec<ActivationMap> {
        let mut ranked: Vec<&Finding> = findings.iter().collect();
        ranked.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let map_of = |finding: &Finding| {
            let index = self.labels.iter().position(|label| *label == finding.label)?;
            Some(ActivationMap {
                label: finding.label.clone(),
                rows: u32::try_from(maps.height).ok()?,
                columns: u32::try_from(maps.width).ok()?,
                values: maps.of(index)?.to_vec(),
            })
        };
        ranked.into_iter().take(self.mapped_labels).filter_map(map_of).collect()
    }
}

/// The operating-point score where there is one, else the probability.
fn score(finding: &Finding) -> f32 {
    finding.operating_point_score.unwrap_or(finding.probability)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hilum_events::{Event, samples};

    fn request() -> InferenceRequested {
        match samples::inference_requested(1, "a", 0).event {
            Event::InferenceRequested(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn model(labels: [&str; 3], op_threshs: [f32; 3]) -> Model {
        let text = || "test".to_owned();
        Model {
            identity: samples::model(),
            reader: samples::reader(),
            engine: EngineDescription { engine: text(), version: text(), precision: text(), device: text() },
            preparation: Preparation::default(),
            header_rules: Vec::new(),
            reading_key: "test@1".to_owned(),
            labels: labels.map(str::to_owned).to_vec(),
            op_threshs: op_threshs.to_vec(),
            mapped_labels: 1,
        }
    }

    fn seen(pixels: &[u8]) -> ImageFacts {
        ImageFacts {
            region: AnalysedRegion { picture_width: 2, picture_height: 1, x: 0, y: 0, side: 1 },
            pixel_digest: Sha256Digest::of(pixels),
            notices: Vec::new(),
            preview: None,
            times: ReadingTimes::default(),
        }
    }

    fn read(model: &Model, logits: [f32; 3]) -> InferenceCompleted {
        let maps = ActivationMaps { height: 1, width: 2, values: vec![0.0, 1.0, 10.0, 11.0, 20.0, 21.0] };
        model.completed(&request(), &Output { logits: logits.to_vec(), maps: Some(maps) }, seen(b"pixels"))
    }

    #[test]
    fn the_same_pixels_in_another_file_take_over_the_findings_and_say_so() {
        let model = model(["A", "B", "C"], [0.5; 3]);
        let source = read(&model, [0.0, -1.0, -2.0]);
        let other = InferenceRequested { reading_id: samples::reading_id("other"), ..request() };
        let notices = vec![Notice { code: "other_view".to_owned(), text: "another view".to_owned() }];
        let reused = model.reused(&other, &source, &ImageFacts { notices, ..seen(b"pixels") }).unwrap();
        assert_eq!((reused.reading_id, reused.reused_from), (other.reading_id, Some(source.reading_id)));
        assert_eq!((&reused.findings, &reused.activation_maps), (&source.findings, &source.activation_maps));
        assert_eq!(reused.notices.len(), 1);
        let third = InferenceRequested { reading_id: samples::reading_id("third"), ..request() };
        let again = model.reused(&third, &reused, &seen(b"pixels")).unwrap();
        assert_eq!(again.reused_from, Some(source.reading_id));
    }

    #[test]
    fn other_pixels_another_model_or_the_reading_itself_are_not_reused() {
        let model = model(["A", "B", "C"], [0.5; 3]);
        let source = read(&model, [0.0, -1.0, -2.0]);
        let other = InferenceRequested { reading_id: samples::reading_id("other"), ..request() };
        assert_eq!(model.reused(&other, &source, &seen(b"others")), None);
        assert_eq!(model.reused(&request(), &source, &seen(b"pixels")), None);
        let mut updated = model;
        updated.identity.version = "next".to_owned();
        assert_eq!(updated.reused(&other, &source, &seen(b"pixels")), None);
    }

    #[test]
    fn a_reading_says_of_each_label_of_its_model_a_number_and_nothing_else() {
        let model = model(["A", "", "C"], [0.5, f32::NAN, f32::NAN]);
        let sound = read(&model, [0.0, f32::NAN, -2.0]);
        assert_eq!(model.check(&sound), Ok(()), "of an output without a label nothing is said");
        let not_a_number = model.check(&read(&model, [f32::NAN, 0.0, 0.0]));
        assert!(matches!(not_a_number, Err(ReadingFlaw::Logit { .. })), "{not_a_number:?}");
        let (seen, output) = (seen(b"pixels"), Output { logits: vec![0.0, 0.0], maps: None });
        let label = "C".to_owned();
        let short = model.check(&model.completed(&request(), &output, seen));
        assert_eq!(short, Err(ReadingFlaw::LabelMissing { label }));
        let mut other = sound;
        other.findings[1].label = "D".to_owned();
        let other = model.check(&other);
        assert_eq!(other, Err(ReadingFlaw::LabelMissing { label: "C".to_owned() }));
    }

    #[test]
    fn the_map_is_that_of_the_label_with_the_highest_score() {
        let completed = read(&model(["A", "B", "C"], [0.5, 0.01, 0.5]), [0.0, -1.0, -2.0]);
        assert_eq!(completed.activation_maps.len(), 1);
        assert_eq!(completed.activation_maps[0].label, "B");
        assert_eq!(completed.activation_maps[0].values, [10.0, 11.0]);
    }

    #[test]
    fn an_output_without_a_label_is_left_out_and_one_without_a_threshold_has_no_score() {
        let completed = read(&model(["A", "", "C"], [0.5, f32::NAN, f32::NAN]), [0.0, 5.0, 3.0]);
        let seen: Vec<_> =
            completed.findings.iter().map(|f| (f.label.as_str(), f.logit, f.operating_point_score)).collect();
        assert_eq!(seen, [("A", 0.0, Some(0.5)), ("C", 3.0, None)]);
        assert_eq!(completed.activation_maps[0].values, [20.0, 21.0]);
    }
}
