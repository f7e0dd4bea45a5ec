//! What the status of a C-STORE response, or the failure reason of a STOW-RS response, means (PS3.4, table B.2-1; PS3.7,
//! annex C; PS3.18, 10.5.3). Only the number is told: what a receiver says in words may name the patient.

/// Statuses of an object that is there already: duplicate SOP instance, and the one by which some archives say so over the web.
const THERE_BEFORE: [u16; 2] = [0x0111, 0xb00e];

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreOutcome {
    /// It is stored, perhaps with a warning.
    Stored,
    /// It was stored before.
    ThereBefore,
    /// It is not stored; trying again later may help.
    Failed,
    /// It won't be stored, however often it is sent.
    Refused,
}

/// What the status of a C-STORE response means.
pub(super) fn of_status(status: u16) -> StoreOutcome {
    match status {
        // Warnings: stored, though something was changed or left out.
        0x0000 | 0x0001 | 0x0107 | 0x0116 => StoreOutcome::Stored,
        0xb000..=0xbfff if !THERE_BEFORE.contains(&status) => StoreOutcome::Stored,
        _ => of_reason(status),
    }
}

/// What the failure reason of an object that was not stored means.
pub(super) fn of_reason(reason: u16) -> StoreOutcome {
    match reason {
        _ if THERE_BEFORE.contains(&reason) => StoreOutcome::ThereBefore,
        // SOP class not supported, not authorised, data set does not match its SOP class.
        0x0122 | 0x0124 | 0xa900..=0xa9ff => StoreOutcome::Refused,
        _ => StoreOutcome::Failed,
    }
}

/// Why it was not stored.
pub(super) fn sentence(status: u16) -> &'static str {
    match status {
        0x0122 => "it does not support this SOP class",
        0x0124 => "it does not let us store",
        0xa700..=0xa7ff => "it is busy: out of resources",
        0xa900..=0xa9ff => "to it the data set does not match its SOP class",
        0xc000..=0xcfff => "it can't understand the object, or could not keep it",
        _ => "it did not store the object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_count_as_stored_and_all_else_does_not() {
        for stored in [0x0000, 0xb000, 0xb006, 0xb007, 0x0107] {
            assert_eq!(of_status(stored), StoreOutcome::Stored, "{stored:#06x}");
        }
        for failed in [0xa700, 0xc000, 0x0110, 0x0210, 0xff00, 0xfe00] {
            assert_eq!(
                (of_status(failed), of_reason(failed)),
                (StoreOutcome::Failed, StoreOutcome::Failed),
                "{failed:#06x}"
            );
        }
        for refused in [0x0122, 0x0124, 0xa900] {
            assert_eq!(of_status(refused), StoreOutcome::Refused, "{refused:#06x}");
        }
        for there in [0x0111, 0xb00e] {
            assert_eq!(
                (of_status(there), of_reason(there)),
                (StoreOutcome::ThereBefore, StoreOutcome::ThereBefore)
            );
        }
        assert_eq!(of_reason(0xb007), StoreOutcome::Failed, "among the failures nothing is a warning");
        assert!(sentence(0xa701).contains("busy"));
    }
}
