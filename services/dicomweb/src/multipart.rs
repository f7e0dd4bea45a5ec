//! The parts of a multipart body (RFC 2046, 5.1; RFC 2387), out of pieces as they come. Headers are bounded, and of a part no more is
//! kept than its delimiter is long. Pure: bytes are handed in, what they make comes out.

use bytes::{Buf as _, Bytes, BytesMut};

/// The longest head of a part, bytes; one has some hundred.
const HEAD_MAX: usize = 16 << 10;
/// What may stand before the first part, bytes; nothing does.
const PREAMBLE_MAX: usize = 16 << 10;

/// What comes of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A part begins. Its headers, names in small letters.
    Begin(Vec<(String, String)>),
    /// Some of its bytes.
    Data(Bytes),
    /// It ends.
    End,
    /// The body ends; what follows is of no account.
    Last,
}

/// The bytes are no multipart body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Garbled {
    /// No delimiter where the first part is due.
    #[error("the body does not begin with the boundary that its Content-Type names")]
    NoBoundary,
    /// A delimiter that ends in nothing that may follow it.
    #[error("a boundary is followed by something else than the end of its line")]
    Delimiter,
    /// Headers without an end, or that are none.
    #[error("the headers of a part can't be read, or are longer than 16 KiB")]
    Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first delimiter; so many bytes were passed.
    Preamble(usize),
    /// Behind a delimiter.
    Delimited,
    Head,
    Body,
    Done,
}

/// The bytes that came and were not yet handed out.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Line end, two hyphens, the boundary.
    delimiter: Vec<u8>,
    came: BytesMut,
    place: Place,
}

impl Parts {
    /// Those of a body with this boundary.
    pub(crate) fn of(boundary: &str) -> Self {
        // The first delimiter need not have a line before it.
        Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            came: BytesMut::from(&b"\r\n"[..]),
            place: Place::Preamble(0),
        }
    }

    /// Takes bytes that come.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.came.extend_from_slice(bytes);
    }

    /// Whether the body has come to its own end.
    pub(crate) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// What comes next; `None` while more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, Garbled> {
        loop {
            let piece = match self.place {
                Place::Preamble(passed) => match self.find_delimiter() {
                    Some(at) if passed + at <= PREAMBLE_MAX => {
                        self.came.advance(at + self.delimiter.len());
                        self.place = Place::Delimited;
                        continue;
                    }
                    Some(_) => return Err(Garbled::NoBoundary),
                    None => {
                        let passed = passed + self.take_certain().len();
                        if passed > PREAMBLE_MAX {
                            return Err(Garbled::NoBoundary);
                        }
                        self.place = Place::Preamble(passed);
                        None
                    }
                },
                Place::Delimited => match self.after_delimiter()? {
                    Some(Place::Done) => {
                        self.place = Place::Done;
                        Some(Piece::Last)
                    }
                    Some(place) => {
                        self.place = place;
                        continue;
                    }
                    None => None,
                },
                Place::Head => self.head()?.inspect(|_| self.place = Place::Body),
                Place::Body => match self.find_delimiter() {
                    Some(0) => {
                        self.came.advance(self.delimiter.len());
                        self.place = Place::Delimited;
                        Some(Piece::End)
                    }
                    Some(at) => Some(Piece::Data(self.came.split_to(at).freeze())),
                    None => Some(self.take_certain()).filter(|bytes| !bytes.is_empty()).map(Piece::Data),
                },
                Place::Done => {
                    self.came.clear();
                    None
                }
            };
            return Ok(piece);
        }
    }

    fn find_delimiter(&self) -> Option<usize> {
        memchr::memmem::find(&self.came, &self.delimiter)
    }

    /// All bytes but those that may begin a delimiter.
    fn take_certain(&mut self) -> Bytes {
        let kept = self.came.len().min(self.delimiter.len() - 1);
        self.came.split_to(self.came.len() - kept).freeze()
    }

    /// Where a delimiter leads: to the end, or to the head of a part. White space may follow it.
    fn after_delimiter(&mut self) -> Result<Option<Place>, Garbled> {
        let rest = self.came.iter().take_while(|byte| [b' ', b'\t'].contains(byte)).count();
        match (&self.came[rest..], rest) {
            (_, HEAD_MAX..) => Err(Garbled::Delimiter),
            ([b'-', b'-', ..], 0) => Ok(Some(Place::Done)),
            ([b'\r', b'\n', ..], _) => {
                // The line end stays: a head without headers is that and another one.
                self.came.advance(rest);
                Ok(Some(Place::Head))
            }
            ([] | [b'\r'], _) | ([b'-'], 0) => Ok(None),
            _ => Err(Garbled::Delimiter),
        }
    }

    /// The headers of a part, which begin with a line end and end with two.
    fn head(&mut self) -> Result<Option<Piece>, Garbled> {
        const END: &[u8] = b"\r\n\r\n";
        let begin = &self.came[..self.came.len().min(HEAD_MAX)];
        let Some(at) = memchr::memmem::find(begin, END) else {
            return if begin.len() == HEAD_MAX { Err(Garbled::Head) } else { Ok(None) };
        };
        let head = self.came.split_to(at + END.len());
        let text = std::str::from_utf8(&head).map_err(|_| Garbled::Head)?;
        let lines = text.split("\r\n").filter(|line| !line.is_empty());
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        });
        let headers: Option<Vec<_>> = headers.collect();
        Ok(Some(Piece::Begin(headers.ok_or(Garbled::Head)?)))
    }
}

#[cfg(test)]
mod tests;
