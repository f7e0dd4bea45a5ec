//! What parent and decoder process say to each other: u32 length and CBOR header, then u64 length and raw bytes, both
//! lengths little endian and bounded on the reading side. Knows no pixels beyond their byte form.

use std::io::{self, Read, Write};

use hilum_events::{DicomIdentity, MediaType};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::Refusal;
use crate::limits::Limits;
use crate::picture::{Picture, Samples};

const HEADER_MAX_BYTES: u32 = 64 * 1024;

/// What is to be done with the bytes that follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) operation: Operation,
    pub(crate) limits: Limits,
    /// Processor time after which the kernel ends the child, should its parent have gone away.
    pub(crate) cpu_time_s: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Operation {
    /// Answered by [`Reply::Identity`].
    Inspect,
    /// Answered by [`Reply::Identity`].
    InspectHead,
    /// Answered by [`Reply::Picture`].
    Decode { media: MediaType },
    /// Answered by [`Reply::Preview`].
    Preview { media: MediaType, max_side_px: u32 },
}

/// The answer; pictures and previews are followed by their bytes, the others by none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Reply {
    Identity(DicomIdentity),
    Picture(PictureHeader),
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
    pub(crate) fn split(picture: &Picture) -> (Self, Vec<u8>) {
        let (bytes_per_sample, bytes) = match picture.samples() {
            Samples::Unsigned(values) if picture.max_value() <= 255 => {
                (1, values.iter().map(|value| *value as u8).collect())
            }
            Samples::Unsigned(values) => (2, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Samples::Signed(values) => (4, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        };
        let header = Self {
            width: picture.width(),
            height: picture.height(),
            max_value: picture.max_value(),
            source_bits: picture.source_bits(),
            bytes_per_sample,
        };
        (header, bytes)
    }

    /// The picture again; `None` if header and bytes do not fit each other.
    pub(crate) fn join(&self, bytes: &[u8]) -> Option<Picture> {
        let whole = bytes.len().is_multiple_of(usize::from(self.bytes_per_sample.max(1)));
        let samples = match self.bytes_per_sample {
            1 => Samples::Unsigned(bytes.iter().map(|byte| u16::from(*byte)).collect()),
            2 => Samples::Unsigned(
                bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect(),
            ),
            4 => Samples::Signed(
                bytes
                    .chunks_exact(4)
                    .map(|four| i32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                    .collect(),
            ),
            _ => return None,
        };
        let picture = Picture::new((self.width, self.height), self.max_value, self.source_bits, samples);
        picture.ok().filter(|_| whole)
    }
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
    let mut body = vec![0; bounded(u64::from_le_bytes(body_len), body_max_bytes)?];
    from.read_exact(&mut body)?;
    Ok(Some((parse(&header)?, body)))
}

/// Reads a whole message from the decoder process.
pub(crate) async fn read_async<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    body_max_bytes: u64,
) -> io::Result<(T, Vec<u8>)> {
    let mut header = vec![0; bounded(from.read_u32_le().await?.into(), HEADER_MAX_BYTES.into())?];
    from.read_exact(&mut header).await?;
    let mut body = vec![0; bounded(from.read_u64_le().await?, body_max_bytes)?];
    from.read_exact(&mut body).await?;
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
            Picture::new((2, 1), 255, 8, Samples::Unsigned(vec![0, 255])),
            Picture::new((2, 1), 4095, 12, Samples::Unsigned(vec![0, 4095])),
            Picture::new((2, 1), 4095, 12, Samples::Signed(vec![-2048, 2047])),
        ];
        for picture in pictures.map(Result::unwrap) {
            let (header, bytes) = PictureHeader::split(&picture);
            assert_eq!(header.join(&bytes).as_ref(), Some(&picture));
            assert_eq!(header.join(&bytes[1..]), None);
        }
    }
}
