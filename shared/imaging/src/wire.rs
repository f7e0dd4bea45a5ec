//! What parent and decoder process say to each other: u32 length and CBOR header, then u64 length and raw bytes, both
//! lengths little endian and bounded on the reading side. Knows no pixels beyond their byte form.

use std::io::{self, Read, Write};

use bytes::BufMut;
use hilum_events::{AnalysedRegion, MediaType, Sha256Digest};
use hilum_headers::ImageHeader;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::bench::FileCost;
use crate::dicom_values::{DicomValues, Inspected, SeriesHeader};
use crate::error::Refusal;
use crate::limits::Limits;
use crate::picture::{Picture, Preview, Samples};
use crate::plain::PlainFacts;
use crate::preparation::{Preparation, Prepared};
use crate::preprocess::ModelInput;
use crate::study_header::StudyHeader;

const HEADER_MAX_BYTES: u32 = 64 * 1024;

/// What the parent asks for; the bytes of the file follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) limits: Limits,
    /// Processor time after which the kernel ends the child, should its parent have gone away.
    pub(crate) cpu_time_s: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Operation {
    /// Answered by [`Reply::Inspected`].
    Inspect,
    /// Answered by [`Reply::Inspected`].
    InspectHead,
    /// Answered by [`Reply::Inspected`].
    Identify,
    /// Answered by [`Reply::StudyHeader`].
    StudyHeader,
    /// Answered by [`Reply::Picture`].
    Decode { media: MediaType, values: DicomValues },
    /// Answered by [`Reply::Prepared`].
    Prepare { media: MediaType, preparation: Preparation, preview_side_px: Option<u32> },
    /// Answered by [`Reply::Cost`].
    Measure { media: MediaType, preparation: Preparation, repeats: u32 },
    /// Answered by [`Reply::DataSet`].
    DataSet { max_bytes: u64 },
    /// Answered by [`Reply::StoredFrame`].
    StoredFrame,
    /// Answered by [`Reply::Preview`].
    Preview { media: MediaType, max_side_px: u32 },
}

impl Operation {
    /// The longest body of an answer, bytes.
    pub(crate) fn answer_max_bytes(&self, limits: &Limits) -> u64 {
        // A preview is smaller than the picture it shows, but for its headers.
        const PNG_OVERHEAD_BYTES: u64 = 64 * 1024;
        let preview = |side: u64| side.saturating_mul(side).saturating_add(PNG_OVERHEAD_BYTES);
        match self {
            Self::Inspect | Self::InspectHead | Self::Identify | Self::StudyHeader | Self::Measure { .. } => {
                0
            }
            Self::DataSet { max_bytes } => *max_bytes,
            // A deflated file may become as long as a file may be.
            Self::StoredFrame => limits.max_file_bytes,
            Self::Decode { .. } => limits.max_pixels.saturating_mul(4),
            Self::Preview { .. } => limits.max_pixels.saturating_add(PNG_OVERHEAD_BYTES),
            Self::Prepare { preparation, preview_side_px, .. } => {
                let side = u64::from(preparation.preprocessing.input_side_px);
                let numbers = side.saturating_mul(side).saturating_mul(4);
                numbers.saturating_add(preview_side_px.map_or(0, |side| preview(side.into())))
            }
        }
    }
}

/// The child's answer. Bytes follow it for pictures, model inputs, previews, data sets and frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Inspected(Inspected),
    StudyHeader(Box<StudyHeader>),
    Picture(PictureHeader),
    Prepared(PreparedHeader),
    Cost(FileCost),
    DataSet,
    StoredFrame { is_encapsulated: bool },
    Preview { width: u32, height: u32, original_width: u32, original_height: u32 },
    Refused(Refusal),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PictureHeader {
    width: u32,
    height: u32,
    max_value: u32,
    source_bits: u8,
    /// 1 and 2 are unsigned, 4 is signed.
    bytes_per_sample: u8,
}

impl PictureHeader {
    /// Header and sample bytes of a picture.
    pub(crate) fn split(picture: Picture) -> (Self, Vec<u8>) {
        let mut header = Self {
            width: picture.width(),
            height: picture.height(),
            max_value: picture.max_value(),
            source_bits: picture.source_bits(),
            bytes_per_sample: 0,
        };
        let (bytes_per_sample, bytes) = match picture.into_samples() {
            Samples::Bytes(values) => (1, values),
            Samples::Unsigned(values) => (2, to_bytes(&values, u16::to_le_bytes)),
            Samples::Signed(values) => (4, to_bytes(&values, i32::to_le_bytes)),
        };
        header.bytes_per_sample = bytes_per_sample;
        (header, bytes)
    }

    /// The picture again; `None` if header and bytes do not fit each other.
    pub(crate) fn join(&self, bytes: Vec<u8>) -> Option<Picture> {
        let samples = match self.bytes_per_sample {
            1 => Samples::Bytes(bytes),
            2 => Samples::Unsigned(of_bytes(&bytes, u16::from_le_bytes)?),
            4 => Samples::Signed(of_bytes(&bytes, i32::from_le_bytes)?),
            _ => return None,
        };
        Picture::new((self.width, self.height), self.max_value, self.source_bits, samples).ok()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PreparedHeader {
    side_px: u32,
    region: AnalysedRegion,
    pixel_digest: Sha256Digest,
    header: Option<ImageHeader>,
    plain: Option<PlainFacts>,
    preview: Option<PreviewHeader>,
    decode_ms: f32,
    preprocess_ms: f32,
}

/// The preview whose PNG stands behind the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PreviewHeader {
    width: u32,
    height: u32,
    png_len: u64,
}

impl PreparedHeader {
    /// Header, and bytes of the numbers and of the preview.
    pub(crate) fn split(prepared: Prepared) -> (Self, Vec<u8>) {
        let Prepared { input, pixel_digest, header, plain, preview, decode_ms, preprocess_ms } = prepared;
        let ModelInput { side_px, values, region } = input;
        let mut bytes = to_bytes(&values, f32::to_le_bytes);
        let preview = preview.map(|Preview { width, height, png, .. }| {
            bytes.extend_from_slice(&png);
            PreviewHeader { width, height, png_len: png.len() as u64 }
        });
        (Self { side_px, region, pixel_digest, header, plain, preview, decode_ms, preprocess_ms }, bytes)
    }

    /// The whole again; `None` if it is no input of `side_px` × `side_px` numbers.
    pub(crate) fn join(self, bytes: &[u8], side_px: u32) -> Option<Prepared> {
        let numbers_len = usize::try_from(side_px).ok()?.checked_pow(2)?.checked_mul(size_of::<f32>())?;
        let (numbers, png) = bytes.split_at_checked(numbers_len)?;
        let values = of_bytes(numbers, f32::from_le_bytes)?;
        let png_len = self.preview.as_ref().map_or(0, |preview| preview.png_len);
        if self.side_px != side_px || png.len() as u64 != png_len {
            return None;
        }
        let AnalysedRegion { picture_width: original_width, picture_height: original_height, .. } =
            self.region;
        let preview = self.preview.map(|PreviewHeader { width, height, .. }| Preview {
            width,
            height,
            original_width,
            original_height,
            png: png.to_vec(),
        });
        Some(Prepared {
            input: ModelInput { side_px, values, region: self.region },
            pixel_digest: self.pixel_digest,
            header: self.header.map(ImageHeader::bounded),
            plain: self.plain,
            preview,
            decode_ms: self.decode_ms,
            preprocess_ms: self.preprocess_ms,
        })
    }
}

/// A series as an honest decoder process describes it: nothing endless.
pub(crate) fn bounded_series(series: SeriesHeader) -> SeriesHeader {
    let is_short = |text: &String| text.chars().count() <= SeriesHeader::DESCRIPTION_MAX_CHARS;
    SeriesHeader { image: series.image.bounded(), description: series.description.filter(is_short) }
}

fn to_bytes<T: Copy, const N: usize>(values: &[T], bytes_of: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut bytes = vec![0; values.len() * N];
    for (bytes, value) in bytes.chunks_exact_mut(N).zip(values) {
        bytes.copy_from_slice(&bytes_of(*value));
    }
    bytes
}

/// `None` if the bytes are no whole number of values.
fn of_bytes<T, const N: usize>(bytes: &[u8], value_of: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (values, []) = bytes.as_chunks::<N>() else { return None };
    Some(values.iter().map(|bytes| value_of(*bytes)).collect())
}

/// Everything that goes before the raw bytes.
pub(crate) fn head<T: Serialize>(header: &T, body_len: usize) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    ciborium::into_writer(header, &mut message).map_err(io::Error::other)?;
    let header_len = u32::try_from(message.len() - 4).ok().filter(|len| *len <= HEADER_MAX_BYTES);
    let header_len = header_len.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    message[..4].copy_from_slice(&header_len.to_le_bytes());
    message.extend_from_slice(&(body_len as u64).to_le_bytes());
    Ok(message)
}

/// Writes a whole message.
pub(crate) fn write<T: Serialize>(to: &mut impl Write, header: &T, body: &[u8]) -> io::Result<()> {
    to.write_all(&head(header, body.len())?)?;
    to.write_all(body)?;
    to.flush()
}

/// Reads a whole message; `None` at a clean end of the stream.
pub(crate) fn read<T: DeserializeOwned>(
    from: &mut impl Read,
    body_max_bytes: u64,
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut header_len = [0; 4];
    // The first byte alone decides whether another message comes.
    if from.read(&mut header_len[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut header_len[1..])?;
    let mut header = vec![0; bounded(u32::from_le_bytes(header_len).into(), HEADER_MAX_BYTES.into())?];
    from.read_exact(&mut header)?;
    let mut body_len = [0; 8];
    from.read_exact(&mut body_len)?;
    let body_len = bounded(u64::from_le_bytes(body_len), body_max_bytes)?;
    // Not filled with zeros first: that would cost as much as reading.
    let mut body = Vec::with_capacity(body_len);
    from.take(body_len as u64).read_to_end(&mut body)?;
    if body.len() < body_len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((parse(&header)?, body)))
}

/// Reads a whole message from the decoder process.
pub(crate) async fn read_async<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    body_max_bytes: u64,
) -> io::Result<(T, Vec<u8>)> {
    let mut header = vec![0; bounded(from.read_u32_le().await?.into(), HEADER_MAX_BYTES.into())?];
    from.read_exact(&mut header).await?;
    let body_len = bounded(from.read_u64_le().await?, body_max_bytes)?;
    let mut body = Vec::with_capacity(body_len);
    while body.len() < body_len {
        let missing = body_len - body.len();
        if from.read_buf(&mut (&mut body).limit(missing)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((parse(&header)?, body))
}

fn bounded(len: u64, max: u64) -> io::Result<usize> {
    if len > max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{len} bytes announced, {max} allowed"),
        ));
    }
    usize::try_from(len).map_err(io::Error::other)
}

fn parse<T: DeserializeOwned>(header: &[u8]) -> io::Result<T> {
    ciborium::from_reader(header).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    use hilum_headers::HeaderValue;

    use super::*;

    fn request() -> Request {
        let operation = Operation::Preview { media: MediaType::Png, max_side_px: 512 };
        Request { operation, limits: Limits::default(), cpu_time_s: 3 }
    }

    #[test]
    fn messages_follow_each_other_and_end_cleanly() {
        let mut stream = Vec::new();
        write(&mut stream, &request(), b"abc").unwrap();
        write(&mut stream, &request(), b"").unwrap();
        let mut stream = stream.as_slice();
        assert_eq!(read::<Request>(&mut stream, 3).unwrap(), Some((request(), b"abc".to_vec())));
        assert_eq!(read::<Request>(&mut stream, 3).unwrap(), Some((request(), vec![])));
        assert_eq!(read::<Request>(&mut stream, 3).unwrap(), None);
    }

    #[test]
    fn cut_and_oversized_messages_are_errors() {
        let mut whole = Vec::new();
        write(&mut whole, &request(), b"abc").unwrap();
        for len in 1..whole.len() {
            assert!(read::<Request>(&mut &whole[..len], 3).is_err());
        }
        assert!(read::<Request>(&mut whole.as_slice(), 2).is_err());
        assert!(read::<Request>(&mut &[0xFF; 64][..], 3).is_err());
    }

    #[test]
    fn pictures_keep_their_samples_in_every_width() {
        let pictures = [
            Picture::new((2, 1), 255, 8, Samples::Bytes(vec![0, 255])),
            Picture::new((2, 1), 4095, 12, Samples::Unsigned(vec![0, 4095])),
            Picture::new((2, 1), 4095, 12, Samples::Signed(vec![-2048, 2047])),
        ];
        for picture in pictures.map(Result::unwrap) {
            let (header, bytes) = PictureHeader::split(picture.clone());
            assert_eq!(header.join(bytes[1..].to_vec()), None);
            assert_eq!(header.join(bytes), Some(picture));
        }
    }

    #[test]
    fn a_series_is_told_by_short_texts_whatever_the_process_says() {
        let said = |view: String, description: String| {
            let image = ImageHeader { view_position: HeaderValue::Text(view), ..ImageHeader::default() };
            bounded_series(SeriesHeader { image, description: Some(description) })
        };
        let honest = said("PA".to_owned(), "d".repeat(64));
        assert_eq!(honest.image.view_position, HeaderValue::of("PA"));
        assert_eq!(honest.description.map(|text| text.len()), Some(64));
        let endless = said("P".repeat(1000), "d".repeat(65));
        assert_eq!((endless.image.view_position, endless.description), (HeaderValue::Unreadable, None));
    }

    #[test]
    fn an_input_of_another_size_than_asked_for_is_none_and_endless_text_is_left_out() {
        let header = |view_position| Some(ImageHeader { view_position, ..ImageHeader::default() });
        let region = AnalysedRegion { picture_width: 5, picture_height: 2, x: 1, y: 0, side: 2 };
        let prepared = Prepared {
            input: ModelInput { side_px: 2, values: vec![-1024.0, 0.5, 1.0, 1024.0], region },
            pixel_digest: Sha256Digest::of(b"pixels"),
            header: header(HeaderValue::Unreadable),
            plain: None,
            preview: Some(Preview {
                width: 5,
                height: 2,
                original_width: 5,
                original_height: 2,
                png: b"png".to_vec(),
            }),
            decode_ms: 1.5,
            preprocess_ms: 0.25,
        };
        let (sent, bytes) = PreparedHeader::split(prepared.clone());
        assert_eq!(sent.clone().join(&bytes, 1), None);
        assert_eq!(sent.clone().join(&bytes[4..], 2), None);
        assert_eq!(sent.clone().join(&bytes[1..], 2), None);
        assert_eq!(sent.clone().join(&bytes, 2).as_ref(), Some(&prepared));
        let talkative = PreparedHeader { header: header(HeaderValue::Text("x".repeat(1000))), ..sent };
        assert_eq!(talkative.join(&bytes, 2), Some(prepared));
    }
}
