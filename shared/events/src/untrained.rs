//! The sentence that stands wherever an untrained model's numbers do. There are three wordings, because what was stored with
//! one of them keeps it: bytes and hashes depend on them. None of them is written anywhere else.

/// In answers of the API.
pub const IN_ANSWERS: &str =
    "UNTRAINED demonstration network: its outputs mean nothing and must not be used to judge an image";

/// In the documents of reports, and in all forms that are made of them.
pub const IN_DOCUMENTS: &str = "UNTRAINED demonstration network: these numbers mean nothing";

/// In the files of a model.
pub const IN_MODEL_FILES: &str =
    "UNTRAINED: random weights for tests and demonstrations; its scores mean nothing";
