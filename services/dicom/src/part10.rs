//! What stands before the data set in a file (PS3.10, 7.1): the preamble and the meta information. It follows from the object
//! alone, not from who sent it when: an object that is sent again makes the same file.

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::uid::IMPLEMENTATION_CLASS;

const PREAMBLE: [u8; 128] = [0; 128];

/// What identifies an object that is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ObjectNames<'a> {
    pub(crate) sop_class: &'a str,
    pub(crate) sop_instance: &'a str,
    /// How its data set is written.
    pub(crate) transfer_syntax: &'a str,
}

/// The beginning of its file, up to its data set.
pub(crate) fn beginning(object: &ObjectNames<'_>) -> Bytes {
    let mut meta = BytesMut::new();
    // File Meta Information Version, the only element here of a long form.
    meta.put_slice(b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01");
    put_uid(&mut meta, 0x0002, object.sop_class);
    put_uid(&mut meta, 0x0003, object.sop_instance);
    put_uid(&mut meta, 0x0010, object.transfer_syntax);
    put_uid(&mut meta, 0x0012, IMPLEMENTATION_CLASS);
    let mut file = BytesMut::with_capacity(PREAMBLE.len() + 16 + meta.len());
    file.put_slice(&PREAMBLE);
    file.put_slice(b"DICM\x02\0\0\0UL\x04\0");
    file.put_u32_le(u32::try_from(meta.len()).expect("three identifiers of 64 characters"));
    file.put_slice(&meta);
    file.freeze()
}

fn put_uid(meta: &mut BytesMut, element: u16, uid: &str) {
    let padding = uid.len() % 2;
    meta.put_u16_le(2);
    meta.put_u16_le(element);
    meta.put_slice(b"UI");
    meta.put_u16_le(u16::try_from(uid.len() + padding).expect("an identifier has 64 characters at most"));
    meta.put_slice(uid.as_bytes());
    meta.put_bytes(0, padding);
}

#[cfg(test)]
mod tests {
    use hilum_dicom::Transfer;

    use super::*;

    #[test]
    fn a_reader_of_files_finds_the_data_set_behind_it_and_what_the_command_said() {
        for sop_instance in ["1.2.3", "1.2.34", &"1".repeat(64)] {
            let object = ObjectNames {
                sop_class: "1.2.840.10008.5.1.4.1.1.1",
                sop_instance,
                transfer_syntax: "1.2.840.10008.1.2.4.90",
            };
            let file = [&beginning(&object)[..], b"data set"].concat();
            let read = Transfer::of(&file).unwrap();
            assert_eq!(read.data_set, b"data set");
            assert_eq!(read.sop_instance.trim_end_matches('\0'), sop_instance);
            assert_eq!(read.sop_class.trim_end_matches('\0'), object.sop_class);
            assert_eq!(read.transfer_syntax.trim_end_matches('\0'), object.transfer_syntax);
            assert_eq!(beginning(&object), beginning(&object));
        }
    }
}
