//! Which kinds of object and which transfer syntaxes the door takes.

/// What an operator may write for SOP classes of images, and the classes that it means.
const WORDS: [(&str, &[&str]); 6] = [
    ("CR", &["1.2.840.10008.5.1.4.1.1.1"]),
    // For presentation and for processing.
    ("DX", &["1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1"]),
    ("MG", &["1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.5.1.4.1.1.1.2.1"]),
    ("RF", &["1.2.840.10008.5.1.4.1.1.12.2"]),
    // And those of several frames: one bit, a byte, a word, colour.
    (
        "SC",
        &[
            "1.2.840.10008.5.1.4.1.1.7",
            "1.2.840.10008.5.1.4.1.1.7.1",
            "1.2.840.10008.5.1.4.1.1.7.2",
            "1.2.840.10008.5.1.4.1.1.7.3",
            "1.2.840.10008.5.1.4.1.1.7.4",
        ],
    ),
    ("CT", &["1.2.840.10008.5.1.4.1.1.2"]),
];

/// The words for images that a model may be for, where nothing else is said.
pub(crate) const DEFAULT_WORDS: [&str; 4] = ["CR", "DX", "MG", "SC"];

/// The classes of objects that the standard has for storage begin so, but for a few of radiotherapy.
const STORAGE_ROOT: &str = "1.2.840.10008.5.1.4.1.1.";

/// Transfer syntaxes that `hilum-decoder` reads.
pub(crate) const TRANSFER_SYNTAXES: [&str; 13] = [
    // Implicit and explicit VR little endian, deflated, big endian.
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    // JPEG baseline, extended, lossless.
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    // JPEG-LS.
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    // JPEG 2000.
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    // Run lengths.
    "1.2.840.10008.1.2.5",
];

/// The classes that a word of an operator means; `None` for a word that is unknown.
pub(crate) fn classes_of(word: &str) -> Option<&'static [&'static str]> {
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, classes)| *classes)
}

/// All the words, for whoever wrote another.
pub(crate) fn words() -> String {
    WORDS.map(|(word, _)| word).join(", ")
}

/// Whether objects of this class can be sent by C-STORE.
pub(crate) fn is_storage(sop_class: &str) -> bool {
    sop_class.starts_with(STORAGE_ROOT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uid::is_uid;

    #[test]
    fn each_word_means_classes_of_storage() {
        for (word, classes) in WORDS {
            assert!(classes.iter().all(|class| is_uid(class) && is_storage(class)), "{word}");
        }
        assert!(DEFAULT_WORDS.iter().all(|word| classes_of(word).is_some()));
        assert!(!is_storage(crate::uid::VERIFICATION) && !is_storage("1.2.840.10008.5.1.4.1.2.2.1"));
    }
}
