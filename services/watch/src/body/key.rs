//! Keys as records encode them: percent-encoded, with a space as `+` or not.

/// What a `+` in a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plus {
    /// A space, as in a form.
    Space,
    /// Itself.
    Plus,
}

/// The key; a `%` that begins no code stands for itself.
///
/// # Errors
/// When it is not UTF-8.
pub(super) fn decode(encoded: &str, plus: Plus) -> Result<String, &'static str> {
    let bytes = encoded.as_bytes();
    let digit = |place: usize| char::from(*bytes.get(place)?).to_digit(16);
    let (mut decoded, mut place) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(place) {
        place += 1;
        match byte {
            b'%' if digit(place).is_some() && digit(place + 1).is_some() => {
                let code = [digit(place), digit(place + 1)].into_iter().flatten();
                decoded.push(code.fold(0, |code, digit| code * 16 + digit) as u8);
                place += 2;
            }
            b'+' if plus == Plus::Space => decoded.push(b' '),
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).map_err(|_| "has a key that is not UTF-8")
}
