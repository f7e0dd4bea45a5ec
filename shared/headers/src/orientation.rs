//! Patient Orientation (0020,0020): the directions of rows and columns tell the plane of a projection.

use crate::vocabulary::{AXIAL, FRONTAL, LATERAL, OBLIQUE};

/// The view that the directions of `text` make; `None` where they name no plane.
pub(crate) fn view_of(text: &str) -> Option<&'static str> {
    let (row, column) = text.split_once('\\')?;
    let (row, column) = (axes(row)?, axes(column)?);
    let all = |axis: Axis| row.contains(&axis) || column.contains(&axis);
    match (all(Axis::LeftRight), all(Axis::AnteriorPosterior), all(Axis::HeadFoot)) {
        (true, false, true) => Some(FRONTAL),
        (false, true, true) => Some(LATERAL),
        (true, true, false) => Some(AXIAL),
        (true, true, true) => Some(OBLIQUE),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    LeftRight,
    AnteriorPosterior,
    HeadFoot,
}

/// The axes of one direction, one to three; `None` if it is no direction of a person.
fn axes(direction: &str) -> Option<Vec<Axis>> {
    let axis = |letter: u8| match letter.to_ascii_uppercase() {
        b'L' | b'R' => Some(Axis::LeftRight),
        b'A' | b'P' => Some(Axis::AnteriorPosterior),
        b'H' | b'F' => Some(Axis::HeadFoot),
        _ => None,
    };
    let axes: Option<Vec<Axis>> = direction.trim().bytes().map(axis).collect();
    axes.filter(|axes| (1..=3).contains(&axes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_make_a_plane() {
        for (text, view) in [
            ("L\\F", Some(FRONTAL)),
            ("r\\h", Some(FRONTAL)),
            ("F\\L", Some(FRONTAL)),
            ("A\\F", Some(LATERAL)),
            ("P\\F ", Some(LATERAL)),
            ("A\\L", Some(AXIAL)),
            ("LA\\F", Some(OBLIQUE)),
            ("L", None),
            ("L\\", None),
            ("L\\R", None),
            ("LE\\CD", None),
            ("L\\F\\H", None),
        ] {
            assert_eq!(view_of(text), view, "{text}");
        }
    }
}
