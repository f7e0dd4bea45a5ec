//! What the status of a C-STORE response means (PS3.4, table B.2-1; PS3.7, annex C).

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is stored, perhaps with a warning.
    Stored,
    /// It is not stored; trying again later may help.
    Failed,
    /// It won't be stored, however often it is sent.
    Refused,
}

/// What a status means.
pub(super) fn outcome(status: u16) -> Outcome {
    match status {
        // Warnings: stored, though something was changed or left out.
        0x0000 | 0x0001 | 0x0107 | 0x0116 | 0xb000..=0xbfff => Outcome::Stored,
        // SOP class not supported, not authorised, data set does not match its SOP class.
        0x0122 | 0x0124 | 0xa900..=0xa9ff => Outcome::Refused,
        _ => Outcome::Failed,
    }
}

/// Why it was not stored. The receiver's own comment is not told: it may name the patient.
pub(super) fn sentence(status: u16) -> String {
    let why = match status {
        0x0122 => "it does not support this SOP class",
        0x0124 => "it does not let us store",
        0xa700..=0xa7ff => "it is out of resources",
        0xa900..=0xa9ff => "to it the data set does not match its SOP class",
        0xc000..=0xcfff => "it can't understand the object, or could not keep it",
        _ => "it did not store the object",
    };
    format!("it answered C-STORE with status {status:#06x}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_count_as_stored_and_all_else_does_not() {
        for stored in [0x0000, 0xb000, 0xb006, 0xb007, 0x0107] {
            assert_eq!(outcome(stored), Outcome::Stored, "{stored:#06x}");
        }
        for failed in [0xa700, 0xc000, 0x0110, 0x0210, 0xff00, 0xfe00] {
            assert_eq!(outcome(failed), Outcome::Failed, "{failed:#06x}");
        }
        for refused in [0x0122, 0x0124, 0xa900] {
            assert_eq!(outcome(refused), Outcome::Refused, "{refused:#06x}");
        }
        assert!(sentence(0xa701).contains("0xa701"));
    }
}
