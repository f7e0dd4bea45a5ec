//! C-STORE with associations that are kept: what comes over one has often others before it that were told stored.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use hilum_scu::{Peer, ScuError, StoreScu, Transfer};

use crate::journal::Answer;

/// Computed radiographs in explicit VR little endian and in JPEG-LS.
const OBJECTS: [(&str, &str); 2] = [
    ("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.1.2.1"),
    ("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.1.2.4.80"),
];
/// What the door calls itself in the files that it makes (docs/ways-in.md).
const IMPLEMENTATION_CLASS: &str = "2.25.76372331536738566997558264744841884588";

/// Associations that wait for their next object.
#[derive(Default)]
pub(super) struct Associations(Mutex<HashMap<Peer, Vec<StoreScu>>>);

impl Associations {
    /// Has the object of a file stored, within `patience`.
    pub(super) async fn store(&self, door: Peer, file: &[u8], patience: Duration) -> Answer {
        match tokio::time::timeout(patience, self.store_by_one(&door, file)).await {
            Ok(Ok((association, status))) => {
                self.0.lock().unwrap().entry(door).or_default().push(association);
                if status == 0 { Answer::Taken } else { Answer::Refused(status) }
            }
            Ok(Err(ScuError::Unreachable(_))) => Answer::Unreachable,
            Ok(Err(_)) | Err(_) => Answer::Unknown,
        }
    }

    async fn store_by_one(&self, door: &Peer, file: &[u8]) -> Result<(StoreScu, u16), ScuError> {
        let waiting = self.0.lock().unwrap().get_mut(door).and_then(Vec::pop);
        let mut association = match waiting {
            Some(association) => association,
            None => StoreScu::associate(door, "FAULTS", &OBJECTS).await?,
        };
        let status = association.store(&Transfer::of(file)?).await?;
        Ok((association, status))
    }
}

/// The file that the door makes of the object of a file: the data set as it was sent, behind a header that follows from it.
pub(super) fn as_kept(file: &[u8]) -> Vec<u8> {
    let object = Transfer::of(file).unwrap();
    let mut meta = b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01".to_vec();
    let uids = [
        (0x02, &*object.sop_class),
        (0x03, &object.sop_instance),
        (0x10, &object.transfer_syntax),
        (0x12, IMPLEMENTATION_CLASS),
    ];
    for (element, uid) in uids {
        let uid = uid.trim_end_matches(['\0', ' ']);
        let len = uid.len().next_multiple_of(2);
        meta.extend([2, 0, element, 0, b'U', b'I', u8::try_from(len).unwrap(), 0]);
        meta.extend(uid.bytes().chain(std::iter::repeat_n(0, len - uid.len())));
    }
    let len = u32::try_from(meta.len()).unwrap().to_le_bytes();
    [&[0; 128][..], b"DICM\x02\0\0\0UL\x04\0", &len, &meta, object.data_set].concat()
}
