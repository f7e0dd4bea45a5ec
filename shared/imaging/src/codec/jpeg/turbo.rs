//! The calls into libjpeg-turbo, and with them the only hand-written `unsafe` code of this crate. Knows JPEG, not why a picture
//! is wanted.
//!
//! libjpeg fills what it can't read with grey and goes on with a warning. Invented pixels must not reach a reader, so
//! decoding stops at the first warning.
#![allow(unsafe_code, reason = "libjpeg-turbo is a C library")]

use std::ffi::{CStr, c_int};

use turbojpeg_sys as tj;

use crate::codec::colour::is_coloured;
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::picture::Samples;

/// What the samples of a JPEG mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    Grey,
    Rgb,
    Cmyk,
}

/// A JPEG whose header has been read.
pub(super) struct Jpeg<'a> {
    handle: Handle,
    bytes: &'a [u8],
    /// Width and height, pixels.
    pub(super) size: (u32, u32),
    /// Bits per sample, 2 to 16.
    pub(super) precision: u8,
    pub(super) color: Color,
}

impl<'a> Jpeg<'a> {
    /// Reads the header and checks its claims.
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, Refusal> {
        let handle = Handle::new(limits)?;
        // SAFETY: `bytes` outlives the call, and libjpeg-turbo reads no more than the given length of it.
        let outcome = unsafe { tj::tj3DecompressHeader(handle.0, bytes.as_ptr(), bytes.len() as _) };
        if outcome != 0 && handle.failed_fatally() {
            return Err(refusal(&handle.message()));
        }
        let side = |parameter| u32::try_from(handle.get(parameter)).unwrap_or(0);
        let size = (side(tj::TJPARAM_TJPARAM_JPEGWIDTH), side(tj::TJPARAM_TJPARAM_JPEGHEIGHT));
        limits.check_size(size.0, size.1)?;
        let precision = match u8::try_from(handle.get(tj::TJPARAM_TJPARAM_PRECISION)) {
            Ok(precision @ 2..=16) => precision,
            _ => return Err(RefusalCode::UnsupportedBitDepth.into()),
        };
        let color = match handle.get(tj::TJPARAM_TJPARAM_COLORSPACE) as tj::TJCS {
            tj::TJCS_TJCS_GRAY => Color::Grey,
            tj::TJCS_TJCS_RGB | tj::TJCS_TJCS_YCbCr => Color::Rgb,
            tj::TJCS_TJCS_CMYK | tj::TJCS_TJCS_YCCK => Color::Cmyk,
            _ => return Err(RefusalCode::Damaged.into()),
        };
        Ok(Self { handle, bytes, size, precision, color })
    }

    /// Samples of a grey JPEG.
    pub(super) fn grey(&self) -> Result<Samples, Flaw> {
        self.first_channel(tj::TJPF_TJPF_GRAY, 1).map(|(samples, _)| samples)
    }

    /// Red samples of a colour JPEG, and whether it has colour indeed.
    pub(super) fn red(&self) -> Result<(Samples, bool), Flaw> {
        self.first_channel(tj::TJPF_TJPF_RGB, 3)
    }

    fn first_channel(&self, format: tj::TJPF, channels: usize) -> Result<(Samples, bool), Flaw> {
        let (handle, jpeg, len) = (self.handle.0, self.bytes.as_ptr(), self.bytes.len() as _);
        // SAFETY, for the three calls: a pitch of zero means rows without gaps, so that width × height × channels
        // samples are written, which is the length of the buffer; the size can't have changed since the header was
        // read from the same bytes; a sample has 8 or 16 bits as the buffer has.
        match self.precision {
            ..=8 => self.read(channels, |to: *mut u8| unsafe {
                tj::tj3Decompress8(handle, jpeg, len, to, 0, format)
            }),
            9..=12 => self.read(channels, |to: *mut u16| unsafe {
                tj::tj3Decompress12(handle, jpeg, len, to.cast(), 0, format)
            }),
            _ => self.read(channels, |to: *mut u16| unsafe {
                tj::tj3Decompress16(handle, jpeg, len, to, 0, format)
            }),
        }
    }

    fn read<T: Copy + Default + Into<u32>>(
        &self,
        channels: usize,
        decompress: impl Fn(*mut T) -> c_int,
    ) -> Result<(Samples, bool), Flaw>
    where
        Samples: From<Vec<T>>,
    {
        let mut data = vec![T::default(); self.size.0 as usize * self.size.1 as usize * channels];
        self.handle.set(tj::TJPARAM_TJPARAM_STOPONWARNING, 1)?;
        if decompress(data.as_mut_ptr()) != 0 {
            let message = self.handle.message();
            if self.handle.failed_fatally() || !is_at_the_end(&message) {
                return Err(flaw(&message));
            }
            self.handle.set(tj::TJPARAM_TJPARAM_STOPONWARNING, 0)?;
            decompress(data.as_mut_ptr());
        }
        let is_coloured = is_coloured(&data, channels, (1 << self.precision) - 1);
        if channels > 1 {
            data = data.into_iter().step_by(channels).collect();
        }
        Ok((data.into(), is_coloured))
    }
}

/// Why there are no samples.
pub(super) enum Flaw {
    /// Only the segments before the scan are in disorder, which [`tidied`](super::tidy::tidied) may mend.
    Untidy,
    Refused(Refusal),
}

impl From<Refusal> for Flaw {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A decompressor of libjpeg-turbo.
struct Handle(tj::tjhandle);

impl Handle {
    fn new(limits: &Limits) -> Result<Self, Refusal> {
        const MEMORY_MAX_MIB: c_int = 512;
        const SCANS_MAX: c_int = 500;
        // SAFETY: takes no pointer; a null result is handled.
        let handle = unsafe { tj::tj3Init(tj::TJINIT_TJINIT_DECOMPRESS as c_int) };
        if handle.is_null() {
            return Err(RefusalCode::TooManyPixels.into());
        }
        let handle = Self(handle);
        handle.set(tj::TJPARAM_TJPARAM_MAXMEMORY, MEMORY_MAX_MIB)?;
        handle.set(tj::TJPARAM_TJPARAM_SCANLIMIT, SCANS_MAX)?;
        handle.set(tj::TJPARAM_TJPARAM_MAXPIXELS, limits.max_pixels.try_into().unwrap_or(c_int::MAX))?;
        Ok(handle)
    }

    fn set(&self, parameter: tj::TJPARAM, value: c_int) -> Result<(), Refusal> {
        // SAFETY: the handle is live until drop.
        match unsafe { tj::tj3Set(self.0, parameter as c_int, value) } {
            0 => Ok(()),
            _ => Err(RefusalCode::Damaged.into()),
        }
    }

    fn get(&self, parameter: tj::TJPARAM) -> c_int {
        // SAFETY: the handle is live until drop.
        unsafe { tj::tj3Get(self.0, parameter as c_int) }
    }

    fn failed_fatally(&self) -> bool {
        // SAFETY: the handle is live until drop.
        unsafe { tj::tj3GetErrorCode(self.0) != tj::TJERR_TJERR_WARNING as c_int }
    }

    /// The last error or warning, one of libjpeg's fixed texts with numbers.
    fn message(&self) -> String {
        // SAFETY: libjpeg-turbo returns a string with a terminating zero inside the live handle.
        unsafe { CStr::from_ptr(tj::tj3GetErrorStr(self.0)) }.to_string_lossy().into_owned()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: made by tj3Init and not used afterwards.
        unsafe { tj::tj3Destroy(self.0) }
    }
}

/// The marker before which libjpeg found bytes it had no use for.
fn marker_after_stray_bytes(message: &str) -> Option<u8> {
    let (_, marker) = message.split_once("extraneous bytes before marker 0x")?;
    u8::from_str_radix(marker.trim(), 16).ok()
}

/// Bytes left over before the end marker, when all pixels were there.
fn is_at_the_end(warning: &str) -> bool {
    marker_after_stray_bytes(warning) == Some(0xD9)
}

fn flaw(message: &str) -> Flaw {
    let is_untidy = match marker_after_stray_bytes(message) {
        // Stray bytes before a restart marker are lost pixels; before any other they lie between segments.
        Some(marker) => !matches!(marker, 0xD0..=0xD7),
        None => ["Invalid SOS parameters", "JFIF", "Adobe"].iter().any(|text| message.contains(text)),
    };
    if is_untidy { Flaw::Untidy } else { refusal(message).into() }
}

fn refusal(message: &str) -> Refusal {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    let code = if says(&["Premature end of"]) {
        RefusalCode::Truncated
    } else if says(&["too large", "image dimension", "Insufficient memory"]) {
        RefusalCode::TooManyPixels
    } else if says(&["Unsupported", "precision"]) {
        RefusalCode::UnsupportedTransferSyntax
    } else {
        RefusalCode::Damaged
    };
    code.into()
}
