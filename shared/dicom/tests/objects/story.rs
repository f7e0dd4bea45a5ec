//! A report, the headers of its images and their pictures, as the tests have them.

use hilum_dicom::{Instance, Predecessor, Sources, encapsulated_pdf, secondary_captures, sr};
use hilum_events::{ActivationMap, AnalysedRegion, BlobRef, Finding, MediaType, Sha256Digest};
use hilum_imaging::{HeaderText, StudyHeader};
use hilum_reports::{Doubt, ImageStatus, Picture, Pictures, Report, reduced, samples};

/// Everything that the objects are made of.
pub(crate) struct Story {
    pub(crate) report: Report,
    pub(crate) sources: Sources,
    pub(crate) pictures: Pictures,
    /// The revision before.
    pub(crate) before: Option<Box<Self>>,
}

pub(crate) const PDF: &[u8] = b"%PDF-1.7\nnot a whole one, but an odd number of bytes\n";

/// The header of the image with this content.
pub(crate) fn header(number: u32) -> StudyHeader {
    let text = |text: &str| HeaderText::new(text.as_bytes());
    StudyHeader {
        data_set_sha256: Some(Sha256Digest::of(format!("object {number}").as_bytes())),
        specific_character_set: "ISO_IR 100".to_owned(),
        sop_class_uid: "1.2.840.10008.5.1.4.1.1.1".to_owned(),
        sop_instance_uid: format!("2.25.3{number}"),
        study_instance_uid: "2.25.1".to_owned(),
        series_instance_uid: "2.25.2".to_owned(),
        timezone_offset_from_utc: String::new(),
        study_date: "20251231".to_owned(),
        study_time: "235900".to_owned(),
        patient_birth_date: "19500101".to_owned(),
        patient_sex: "F".to_owned(),
        patient_name: text("CANARY^DONOTLEAK"),
        patient_id: text("CANARY-4711"),
        issuer_of_patient_id: text("CANARY-HOSPITAL"),
        accession_number: text("CANARY-A1"),
        study_id: text("CANARY-S"),
        referring_physician_name: text("CANARY^DOCTOR"),
        study_description: text("CANARY chest"),
    }
}

impl Story {
    /// One image of each kind; the files of all are there.
    pub(crate) fn new() -> Self {
        let report = samples::one_of_each();
        let sources = ["a", "b", "c"]
            .into_iter()
            .zip(0..)
            .map(|(content, number)| (Sha256Digest::of(content.as_bytes()), header(number)))
            .collect();
        let preview = report.images[0].preview.as_ref().unwrap().sha256;
        let picture = Picture::Shown { png: samples::picture(512, 419) };
        Self { report, sources, pictures: Pictures::from([(preview, picture)]), before: None }
    }

    /// A radiograph, read by a network with the labels of torchxrayvision.
    pub(crate) fn radiograph() -> Self {
        let mut story = Self::new();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/images/mhh_19073f37.png");
        let reading = story.report.images[0].reading.as_mut().unwrap();
        let labels = [
            "Atelectasis",
            "Consolidation",
            "Infiltration",
            "Pneumothorax",
            "Edema",
            "Emphysema",
            "Fibrosis",
            "Effusion",
            "Pneumonia",
            "Pleural_Thickening",
            "Cardiomegaly",
            "Nodule",
            "Mass",
            "Hernia",
            "Lung Lesion",
            "Fracture",
            "Lung Opacity",
            "Enlarged Cardiomediastinum",
        ];
        reading.findings = (0..).zip(labels).map(|(number, label)| finding(number, label)).collect();
        let values = (0..49).map(|cell| ((cell % 7) as f32 - 2.5) * ((cell / 7) as f32 - 1.0)).collect();
        let label = "Lung Opacity".to_owned();
        reading.activation_maps = vec![ActivationMap { label, rows: 7, columns: 7, values }];
        reading.region = AnalysedRegion { picture_width: 640, picture_height: 524, x: 58, y: 0, side: 524 };
        let picture = reduced(std::fs::read(file).unwrap(), 512);
        let preview = story.report.images[0].preview.as_ref().unwrap().sha256;
        story.pictures.insert(preview, picture);
        story
    }

    /// With all that a document can say, by a network that was trained and has a label outside ASCII.
    pub(crate) fn full() -> Self {
        let mut story = Self { report: samples::incomplete(), ..Self::new() }.after(Self::new());
        for model in &mut story.report.models {
            (model.identity.trained, model.notice) = (true, None);
        }
        for reading in story.report.images.iter_mut().filter_map(|image| image.reading.as_mut()) {
            reading.trained = true;
            reading.findings[1].label = "결절".to_owned();
        }
        story
    }

    /// This, as the revision after another one.
    pub(crate) fn after(mut self, before: Self) -> Self {
        let (json, provenance) = (before.report.to_json().unwrap(), &mut self.report.provenance);
        let sha256 = Sha256Digest::of(&json);
        provenance.previous_document =
            Some(BlobRef { key: format!("sha256/{sha256}"), sha256, size_bytes: json.len() as u64 });
        provenance.previous_revision = Some(before.report.revision);
        self.report.revision = before.report.revision + 1;
        Self { before: Some(Box::new(before)), ..self }
    }

    /// As [`Self::new`], and each of the images read.
    pub(crate) fn whole() -> Self {
        let mut story = Self::new();
        let reading = story.report.images[0].reading.clone();
        for image in &mut story.report.images {
            (image.reading, image.status) = (reading.clone(), ImageStatus::Completed);
            (image.reason_code, image.reason, image.what_to_do) = (None, None, None);
        }
        (story.report.summary.completed, story.report.summary.failed) = (4, 0);
        story
    }

    /// As [`Self::new`], with every doubt that a report with objects can have.
    pub(crate) fn doubtful() -> Self {
        let mut story = Self::new();
        story.report.images[3].media_type = MediaType::Png;
        story.report.images[3].dicom = None;
        let jobs: Vec<_> = (1..).zip(story.report.images.iter().map(|image| image.job_id)).collect();
        story.report.doubts = vec![Doubt::without_patient(&jobs[3..]), Doubt::instance_twice(&jobs[..3])];
        story.sources =
            [(Sha256Digest::of(b"a"), header(0)), (Sha256Digest::of(b"b"), header(0))].into_iter().collect();
        story
    }

    /// As [`Self::new`], of a PNG.
    pub(crate) fn png() -> Self {
        let mut story = Self::new();
        for image in &mut story.report.images {
            (image.media_type, image.dicom) = (MediaType::Png, None);
        }
        story.sources = Sources::default();
        story
    }

    /// At a site with a time zone.
    pub(crate) fn in_seoul(mut self) -> Self {
        self.report.set_time_zone(&"Asia/Seoul".parse().unwrap());
        self
    }

    pub(crate) fn hash(&self) -> Sha256Digest {
        Sha256Digest::of(&self.report.to_json().unwrap())
    }

    pub(crate) fn sr(&self) -> Instance {
        let hash = self.before.as_ref().map(|before| before.hash());
        let predecessor = self.before.as_ref().zip(hash.as_ref()).map(|(before, json_sha256)| Predecessor {
            report: &before.report,
            json_sha256,
            sources: &before.sources,
        });
        sr(&self.report, &self.hash(), &self.sources, predecessor.as_ref()).unwrap()
    }

    pub(crate) fn captures(&self) -> Vec<Instance> {
        let hash = self.hash();
        let captures = secondary_captures(&self.report, &self.pictures, &hash, &self.sources);
        captures.unwrap().map(Result::unwrap).collect()
    }

    pub(crate) fn pdf(&self) -> Instance {
        encapsulated_pdf(&self.report, &self.hash(), &self.sources, PDF).unwrap()
    }

    /// All of them, with a name each.
    pub(crate) fn files(&self) -> Vec<(String, Instance)> {
        let captures = (1..).zip(self.captures()).map(|(number, it)| (format!("sc-{number}.dcm"), it));
        let others = [("sr.dcm".to_owned(), self.sr()), ("pdf.dcm".to_owned(), self.pdf())];
        others.into_iter().chain(captures).collect()
    }
}

fn finding(number: u8, label: &str) -> Finding {
    let logit = f32::from(number) / 4.0 - 2.0;
    Finding {
        label: label.to_owned(),
        logit,
        probability: 1.0 / (1.0 + (-logit).exp()),
        operating_point_score: (number % 5 != 4).then(|| f32::from(number) / 18.0),
    }
}
