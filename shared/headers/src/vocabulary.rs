//! The terms that headers use: the standard's code of each, and how people and devices write it. A term that is in no
//! table is compared letter by letter; the tables are for long forms, and for terms that contradict a rule when they stand
//! beside one that it means.

/// One term.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// Its code, or what stands for it here.
    pub(crate) name: &'static str,
    /// Other ways to write it: capital letters and digits only, without what separates words.
    pub(crate) spellings: &'static [&'static str],
    /// Codes of SNOMED that mean it.
    pub(crate) codes: &'static [&'static str],
    /// What it may be: a term that means any of these, and nothing more precise.
    pub(crate) kinds: &'static [&'static str],
}

const fn term(name: &'static str, spellings: &'static [&'static str]) -> Term {
    Term { name, spellings, codes: &[], kinds: &[] }
}

pub(crate) static MODALITIES: &[Term] = &[
    term("CR", &["COMPUTEDRADIOGRAPHY"]),
    term("DX", &["DR", "DIGITALRADIOGRAPHY", "DIGITALXRAY"]),
    term("RG", &["RADIOGRAPHY", "RADIOGRAPHIC", "RADIOGRAPHICIMAGING", "RADIOGRAPH", "XRAY", "XR"]),
    term("CT", &["COMPUTEDTOMOGRAPHY", "COMPUTERTOMOGRAPHY", "CAT"]),
    term("MR", &["MRI", "MRT", "MAGNETICRESONANCE"]),
    term("US", &["ULTRASOUND", "SONOGRAPHY", "SONO", "ECHO"]),
    term("MG", &["MAMMOGRAPHY", "MAMMO"]),
    term("NM", &["NUCLEARMEDICINE", "SPECT"]),
    term("PT", &["PET", "POSITRONEMISSIONTOMOGRAPHY"]),
    term("XA", &["ANGIOGRAPHY", "XRAYANGIOGRAPHY"]),
    term("RF", &["FLUOROSCOPY", "RADIOFLUOROSCOPY"]),
    term("IO", &["INTRAORAL", "INTRAORALRADIOGRAPHY"]),
    term("PX", &["PANORAMICXRAY"]),
    term("BMD", &["DEXA", "DXA", "BONEDENSITOMETRY"]),
];

pub(crate) static BODY_PARTS: &[Term] = &[
    Term {
        name: "CHEST",
        spellings: &["THORAX", "TORAX", "TORACE", "CXR", "THORACICCAVITY", "THORACICSTRUCTURE"],
        codes: &["51185008", "T-D3000", "43799004"],
        kinds: &[],
    },
    Term { name: "LUNG", spellings: &["PULMO"], codes: &["39607008", "T-28000"], kinds: &[] },
    term("ABDOMEN", &["ABD", "ABDOMINAL", "KUB"]),
    term("PELVIS", &["PELVIC"]),
    term(
        "SPINE",
        &[
            "CSPINE",
            "TSPINE",
            "LSPINE",
            "LSSPINE",
            "SSPINE",
            "TLSPINE",
            "CTSPINE",
            "CERVICALSPINE",
            "THORACICSPINE",
            "DORSALSPINE",
            "DSPINE",
            "LUMBARSPINE",
            "LUMBOSACRALSPINE",
            "THORACOLUMBARSPINE",
            "WHOLESPINE",
            "SPINAL",
            "VERTEBRA",
            "VERTEBRAE",
            "VERTEBRAL",
            "HWS",
            "BWS",
            "LWS",
        ],
    ),
    term("SACRUM", &["COCCYX", "SACRAL"]),
    term("SKULL", &["CRANIUM", "HEAD", "BRAIN", "SINUS", "ORBIT", "FACE", "FACIAL"]),
    term("JAW", &["MANDIBLE", "MAXILLA", "TOOTH", "TEETH", "DENTAL"]),
    term("NECK", &["CERVICAL"]),
    term("SHOULDER", &["SCAPULA", "ACJOINT"]),
    term("CLAVICLE", &[]),
    term("STERNUM", &[]),
    term("RIB", &[]),
    term("BREAST", &[]),
    term("HUMERUS", &["UPPERARM"]),
    term("ELBOW", &[]),
    term("FOREARM", &["RADIUS", "ULNA"]),
    term("WRIST", &[]),
    term("HAND", &["FINGER", "THUMB", "CARPAL", "METACARPAL"]),
    term("EXTREMITY", &["EXTREMITIES", "LIMB", "UPPEREXTREMITY", "LOWEREXTREMITY"]),
    term("HIP", &[]),
    term("FEMUR", &["THIGH"]),
    term("KNEE", &["PATELLA"]),
    term("LEG", &["LOWERLEG", "TIBIA", "FIBULA", "CALF"]),
    term("ANKLE", &[]),
    term("FOOT", &["FEET", "TOE", "CALCANEUS", "HEEL", "METATARSAL"]),
    term("WHOLEBODY", &["BABYGRAM", "TRUNK", "LONGBONE", "SKELETAL", "SKELETON"]),
];

pub(crate) static VIEWS: &[Term] = &[
    Term {
        name: "PA",
        spellings: &["POSTEROANTERIOR", "POSTERIORANTERIOR", "POSTEROANT"],
        codes: &["272479007", "R-10214"],
        kinds: &[],
    },
    Term {
        name: "AP",
        spellings: &["ANTEROPOSTERIOR", "ANTERIORPOSTERIOR", "ANTEROPOST"],
        codes: &["399348003", "R-10206"],
        kinds: &[],
    },
    Term { name: FRONTAL, spellings: &["FRONT"], codes: &["399033003", "R-10202"], kinds: &["PA", "AP"] },
    Term {
        name: "LL",
        spellings: &[
            "LEFTLATERAL",
            "LEFTLAT",
            "LTLATERAL",
            "LTLAT",
            "LLATERAL",
            "LLAT",
            "LATERALLEFT",
            "LATLEFT",
        ],
        codes: &["399173006", "R-10236"],
        kinds: &[],
    },
    Term {
        name: "RL",
        spellings: &[
            "RIGHTLATERAL",
            "RIGHTLAT",
            "RTLATERAL",
            "RTLAT",
            "RLATERAL",
            "RLAT",
            "LATERALRIGHT",
            "LATRIGHT",
        ],
        codes: &["399198007", "R-10232"],
        kinds: &[],
    },
    Term {
        name: LATERAL,
        spellings: &[
            "LAT",
            "XTABLE",
            "CROSSTABLE",
            "XTL",
            "TRANSLATERAL",
            "PROFILE",
            "SAGITTAL",
            "SEITLICH",
            "MEDIOLATERAL",
            "LATEROMEDIAL",
            "MEDIALLATERAL",
            "LATERALMEDIAL",
        ],
        codes: &["399067008"],
        kinds: &["LL", "RL"],
    },
    term("LLD", &["LEFTLATERALDECUBITUS", "LEFTDECUBITUS", "LTLATERALDECUBITUS", "LEFTLATDECUB"]),
    term("RLD", &["RIGHTLATERALDECUBITUS", "RIGHTDECUBITUS", "RTLATERALDECUBITUS", "RIGHTLATDECUB"]),
    Term {
        name: "DECUBITUS",
        spellings: &["DECUB", "DECUBITAL", "LATERALDECUBITUS", "LATDECUB"],
        codes: &[],
        kinds: &["LLD", "RLD"],
    },
    term("LAO", &["LEFTANTERIOROBLIQUE"]),
    term("RAO", &["RIGHTANTERIOROBLIQUE"]),
    term("LPO", &["LEFTPOSTERIOROBLIQUE"]),
    term("RPO", &["RIGHTPOSTERIOROBLIQUE"]),
    term("LLO", &["LEFTLATERALOBLIQUE", "LEFTOBLIQUE"]),
    term("RLO", &["RIGHTLATERALOBLIQUE", "RIGHTOBLIQUE"]),
    Term { name: OBLIQUE, spellings: &["OBL", "OBLIQ", "SCHRAG"], codes: &["399182000"], kinds: &[] },
    Term { name: AXIAL, spellings: &[], codes: &["399061009"], kinds: &[] },
    term("LORDOTIC", &["APICAL", "APICOLORDOTIC"]),
    term("TANGENTIAL", &["SUNRISE", "SKYLINE"]),
    term("SWIMMERS", &["SWIMMER"]),
    term("CC", &["CRANIOCAUDAL"]),
    term("MLO", &["MEDIOLATERALOBLIQUE"]),
    term("VD", &["VENTRODORSAL"]),
    term("DV", &["DORSOVENTRAL"]),
];

pub(crate) static INTENTS: &[Term] =
    &[term("FORPRESENTATION", &["PRESENTATION"]), term("FORPROCESSING", &["PROCESSING", "RAW"])];

pub(crate) static SPECIES: &[Term] = &[
    Term {
        name: "HUMAN",
        spellings: &["HOMOSAPIENS", "HUMANBEING"],
        codes: &["337915000", "L-85B00", "9606"],
        kinds: &[],
    },
    term("NONHUMAN", &["ANIMAL", "VETERINARY"]),
];

pub(crate) const FRONTAL: &str = "FRONTAL";
pub(crate) const LATERAL: &str = "LATERAL";
pub(crate) const OBLIQUE: &str = "OBLIQUE";
pub(crate) const AXIAL: &str = "AXIAL";

/// Storage classes that say by what kind of device an image was made, and whether it is for people. Others, such as
/// secondary capture, say nothing.
pub(crate) static SOP_CLASSES: &[(&str, &str, Option<&str>)] = &[
    ("1.2.840.10008.5.1.4.1.1.1", "CR", None),
    ("1.2.840.10008.5.1.4.1.1.1.1", "DX", Some("FORPRESENTATION")),
    ("1.2.840.10008.5.1.4.1.1.1.1.1", "DX", Some("FORPROCESSING")),
    ("1.2.840.10008.5.1.4.1.1.1.2", "MG", Some("FORPRESENTATION")),
    ("1.2.840.10008.5.1.4.1.1.1.2.1", "MG", Some("FORPROCESSING")),
    ("1.2.840.10008.5.1.4.1.1.1.3", "IO", Some("FORPRESENTATION")),
    ("1.2.840.10008.5.1.4.1.1.1.3.1", "IO", Some("FORPROCESSING")),
    ("1.2.840.10008.5.1.4.1.1.2", "CT", None),
    ("1.2.840.10008.5.1.4.1.1.2.1", "CT", None),
    ("1.2.840.10008.5.1.4.1.1.2.2", "CT", None),
    ("1.2.840.10008.5.1.4.1.1.3", "US", None),
    ("1.2.840.10008.5.1.4.1.1.3.1", "US", None),
    ("1.2.840.10008.5.1.4.1.1.4", "MR", None),
    ("1.2.840.10008.5.1.4.1.1.4.1", "MR", None),
    ("1.2.840.10008.5.1.4.1.1.4.3", "MR", None),
    ("1.2.840.10008.5.1.4.1.1.4.4", "MR", None),
    ("1.2.840.10008.5.1.4.1.1.5", "NM", None),
    ("1.2.840.10008.5.1.4.1.1.6", "US", None),
    ("1.2.840.10008.5.1.4.1.1.6.1", "US", None),
    ("1.2.840.10008.5.1.4.1.1.6.2", "US", None),
    ("1.2.840.10008.5.1.4.1.1.12.1", "XA", None),
    ("1.2.840.10008.5.1.4.1.1.12.1.1", "XA", None),
    ("1.2.840.10008.5.1.4.1.1.12.2", "RF", None),
    ("1.2.840.10008.5.1.4.1.1.12.2.1", "RF", None),
    ("1.2.840.10008.5.1.4.1.1.13.1.1", "XA", None),
    ("1.2.840.10008.5.1.4.1.1.13.1.2", "DX", None),
    ("1.2.840.10008.5.1.4.1.1.13.1.3", "MG", None),
    ("1.2.840.10008.5.1.4.1.1.14.1", "IVOCT", Some("FORPRESENTATION")),
    ("1.2.840.10008.5.1.4.1.1.14.2", "IVOCT", Some("FORPROCESSING")),
    ("1.2.840.10008.5.1.4.1.1.20", "NM", None),
    ("1.2.840.10008.5.1.4.1.1.30", "PARAMAP", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.1", "ES", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.1.1", "ES", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.2", "GM", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.2.1", "GM", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.3", "SM", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.4", "XC", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.4.1", "XC", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.5.1", "OP", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.5.2", "OP", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.5.4", "OPT", None),
    ("1.2.840.10008.5.1.4.1.1.77.1.6", "SM", None),
    ("1.2.840.10008.5.1.4.1.1.128", "PT", None),
    ("1.2.840.10008.5.1.4.1.1.128.1", "PT", None),
    ("1.2.840.10008.5.1.4.1.1.130", "PT", None),
    ("1.2.840.10008.5.1.4.1.1.481.1", "RTIMAGE", None),
    ("1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE", None),
];

/// Version of the code that compares: it is raised when that changes, and not only its tables.
const COMPARISON: u32 = 2;

/// Bytes that say how this release compares headers: they differ from those of a release that does it otherwise.
pub fn edition() -> String {
    format!("{COMPARISON} {MODALITIES:?} {BODY_PARTS:?} {VIEWS:?} {INTENTS:?} {SPECIES:?} {SOP_CLASSES:?}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_spelling_means_one_term_and_is_written_as_words_are_folded() {
        for table in [MODALITIES, BODY_PARTS, VIEWS, INTENTS, SPECIES] {
            let mut seen = BTreeSet::new();
            for term in table {
                for spelling in [term.name].iter().chain(term.spellings) {
                    assert!(seen.insert(*spelling), "{spelling}");
                    assert!(spelling.bytes().all(|byte| byte.is_ascii_uppercase()), "{spelling}");
                }
                let is_term = |name: &&str| table.iter().any(|term| term.name == *name);
                assert!(term.kinds.iter().all(is_term), "{}", term.name);
            }
        }
    }
}
