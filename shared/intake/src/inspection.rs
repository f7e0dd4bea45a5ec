//! What a DICOM file says of itself, asked of the decoder's child processes: a hostile file ends the process that parses it.

use std::sync::Arc;

use hilum_blobs::{BlobStore, Received};
use hilum_imaging::{DecodeError, DecoderPool, Inspected, RefusalCode};
use tokio::sync::Semaphore;

use crate::refusal::Refusal;

/// What identifies a DICOM object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectNames {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_instance: String,
}

/// Looks at what was received. Cheap to clone.
#[derive(Clone)]
pub struct Inspector {
    decoders: DecoderPool,
    /// For reading a long file back as a whole: one at a time, since it may be as large as an upload.
    whole_files: Arc<Semaphore>,
}

impl Inspector {
    /// One that asks these children.
    pub fn new(decoders: DecoderPool) -> Self {
        Self { decoders, whole_files: Arc::new(Semaphore::new(1)) }
    }

    /// The head of a long file is enough but for one with megabytes before its pixels, which is read back from storage.
    pub(crate) async fn inspect(&self, store: &BlobStore, received: &Received) -> Result<Inspected, Refusal> {
        let head = received.head();
        if head.len() as u64 == received.size_bytes() {
            return Ok(self.decoders.inspect(head).await?);
        }
        match self.decoders.inspect_head(head).await {
            Err(DecodeError::Refused(refusal)) if refusal.code == RefusalCode::Truncated => {
                let _turn = self.whole_files.acquire().await;
                let whole = store.read_back(received).await?;
                Ok(self.decoders.inspect(&whole).await?)
            }
            inspected => Ok(inspected?),
        }
    }

    /// What the head of an object says though no model reads its picture.
    pub(crate) async fn identify(&self, received: &Received) -> Result<Inspected, Refusal> {
        Ok(self.decoders.identify(received.head()).await?)
    }

    /// What identifies an object, as far as its head tells.
    pub(crate) async fn names(&self, received: &Received) -> Option<ObjectNames> {
        let header = self.decoders.study_header(received.head()).await.ok()?;
        let names = ObjectNames { sop_class: header.sop_class_uid, sop_instance: header.sop_instance_uid };
        Some(names).filter(|names| !names.sop_class.is_empty() && !names.sop_instance.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use bytes::Bytes;
    use futures::stream;
    use hilum_blobs::StoreConfig;
    use hilum_imaging::DecoderConfig;
    use hilum_servers::TestFolder;

    use super::*;

    const BUFFER_BYTES: usize = 64 << 10;

    /// The sample with private elements of so many bytes before the patient's name.
    fn sample_with(private_bytes: u32) -> Vec<u8> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/field/d00_ref8.dcm");
        let sample = fs::read(data).unwrap();
        let at = sample.windows(6).position(|window| window == b"\x10\0\x10\0PN").unwrap();
        let private = vec![7; private_bytes as usize];
        let header = [&b"\x09\0\x10\x10OB\0\0"[..], &private_bytes.to_le_bytes()].concat();
        [&sample[..at], &header, &private, &sample[at..]].concat()
    }

    #[tokio::test]
    async fn a_file_whose_pixels_begin_behind_the_head_is_read_as_a_whole() {
        let folder = TestFolder::new().unwrap();
        let url = format!("file://{}", folder.path().display());
        let store =
            BlobStore::open(&StoreConfig { buffer_bytes: BUFFER_BYTES, ..StoreConfig::at(&url) }).unwrap();
        let decoders = DecoderConfig::sibling().expect("hilum-decoder is built with hilum-imaging");
        let inspector = Inspector::new(DecoderPool::new(decoders));
        let inspected = async |bytes: Vec<u8>| {
            let source = stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]);
            let received = store.receive(source, 1 << 20).await.unwrap();
            assert!(received.size_bytes() > received.head().len() as u64);
            inspector.inspect(&store, &received).await
        };
        // Within the head, at its end, and behind it.
        let expected = inspected(sample_with(0)).await.unwrap();
        for private_bytes in [1 << 10, BUFFER_BYTES as u32 - 1000, 3 * BUFFER_BYTES as u32] {
            assert_eq!(inspected(sample_with(private_bytes)).await.unwrap(), expected, "{private_bytes}");
        }
        let mut cut = sample_with(3 * BUFFER_BYTES as u32);
        cut.truncate(cut.len() - 1000);
        let refusal = inspected(cut).await.unwrap_err();
        assert!(refusal.to_string().contains("ends before the image is complete"), "{refusal}");
    }
}
