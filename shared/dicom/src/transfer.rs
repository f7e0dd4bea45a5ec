//! A file that was made here, as an association hands it over (PS3.7, 9.3.1): the command that asks for it to be stored, and
//! its data set in explicit VR, as it was written, or in implicit VR, which every receiver takes. Uploaded files are never
//! read here.

use dicom_core::header::DataElementHeader;
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTable, InMemDicomObject};
use dicom_parser::dataset::read::{DataSetReaderOptions, ValueReadStrategy};
use dicom_parser::dataset::{DataSetReader, DataSetWriter, DataToken};
use dicom_transfer_syntax_registry::entries::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};

/// Bytes before the mark `DICM`.
const PREAMBLE: usize = 128;
/// Bytes from the mark to the end of the element that says how long the rest of the meta information is (PS3.10, 7.1).
const META_HEAD: usize = 4 + 12;
const C_STORE_RQ: u16 = 0x0001;
const MEDIUM: u16 = 0x0000;
const WITH_DATA_SET: u16 = 0x0001;

/// What a receiver is told of a file, and its data set.
#[derive(Debug)]
pub struct Transfer<'a> {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// Transfer Syntax UID of the file.
    pub transfer_syntax: String,
    /// The data set in that syntax.
    pub data_set: &'a [u8],
}

/// The bytes are no DICOM file that can be handed over. Names no value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was made is no DICOM object: {0}")]
pub struct TransferError(&'static str);

impl<'a> Transfer<'a> {
    /// Parts the file from its meta information.
    ///
    /// # Errors
    /// When it has none, or lacks what an association needs of it.
    pub fn of(file: &'a [u8]) -> Result<Self, TransferError> {
        let unreadable = TransferError("its file meta information can't be read");
        let marked = file.get(PREAMBLE..).ok_or(unreadable)?;
        let meta = FileMetaTable::from_reader(marked).map_err(|_| unreadable)?;
        let rest = usize::try_from(meta.information_group_length).map_err(|_| unreadable)?;
        Ok(Self {
            sop_class: meta.media_storage_sop_class_uid().to_owned(),
            sop_instance: meta.media_storage_sop_instance_uid().to_owned(),
            transfer_syntax: meta.transfer_syntax().to_owned(),
            data_set: marked.get(META_HEAD + rest..).ok_or(unreadable)?,
        })
    }

    /// The command set of a C-STORE request, which is always in implicit VR little endian.
    ///
    /// # Errors
    /// None is known.
    pub fn store_request(&self, message_id: u16) -> Result<Vec<u8>, TransferError> {
        let number = |tag, number: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(number));
        let uid = |tag, uid: &str| DataElement::new(tag, VR::UI, PrimitiveValue::from(uid));
        let command = InMemDicomObject::command_from_element_iter([
            uid(tags::AFFECTED_SOP_CLASS_UID, &self.sop_class),
            number(tags::COMMAND_FIELD, C_STORE_RQ),
            number(tags::MESSAGE_ID, message_id),
            number(tags::PRIORITY, MEDIUM),
            number(tags::COMMAND_DATA_SET_TYPE, WITH_DATA_SET),
            uid(tags::AFFECTED_SOP_INSTANCE_UID, &self.sop_instance),
        ]);
        let mut bytes = Vec::new();
        let written = command.write_dataset_with_ts(&mut bytes, &IMPLICIT_VR_LITTLE_ENDIAN.erased());
        written.map_err(|_| TransferError("its command can't be written"))?;
        Ok(bytes)
    }

    /// The data set, which is in explicit VR little endian, in implicit VR. One element is in memory at a time, and values
    /// pass as bytes: text in a character set that the library does not know stays as it is. Sequences and items get
    /// undefined lengths.
    ///
    /// # Errors
    /// When the data set is cut, or its pixel data is compressed.
    pub fn implicit(&self) -> Result<Vec<u8>, TransferError> {
        let cut = TransferError("its data set is cut");
        let raw = DataSetReaderOptions::default().value_read(ValueReadStrategy::Raw);
        let mut implicit = Vec::with_capacity(self.data_set.len());
        let tokens =
            DataSetReader::new_with_ts_options(self.data_set, &EXPLICIT_VR_LITTLE_ENDIAN.erased(), raw);
        let writer = DataSetWriter::with_ts(&mut implicit, &IMPLICIT_VR_LITTLE_ENDIAN.erased());
        let (tokens, mut writer) = (tokens.map_err(|_| cut)?, writer.map_err(|_| cut)?);
        let mut depth = 0_usize;
        for token in tokens {
            let token = token.map_err(|_| cut)?;
            match token {
                DataToken::SequenceStart { .. } | DataToken::ItemStart { .. } => depth += 1,
                DataToken::SequenceEnd | DataToken::ItemEnd => depth -= 1,
                DataToken::PixelSequenceStart => return Err(TransferError("its pixel data is compressed")),
                _ => {}
            }
            let token = match token {
                // It is not written, and of some the writer would make text of the bytes.
                DataToken::ElementHeader(header) => {
                    DataToken::ElementHeader(DataElementHeader { vr: VR::UN, ..header })
                }
                other => other,
            };
            writer.write(token).map_err(|_| cut)?;
        }
        drop(writer);
        if depth == 0 { Ok(implicit) } else { Err(cut) }
    }
}
