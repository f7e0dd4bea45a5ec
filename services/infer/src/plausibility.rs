//! What is said of a PNG or JPEG that can hardly be a radiograph. It is read all the same: nothing in such a file says what
//! it is of. No IO.

use hilum_events::Notice;
use hilum_imaging::PlainFacts;

/// A side that no radiograph has, pixels.
const SIDE_MIN_PX: u32 = 100;
/// The part of its range that a radiograph fills at least.
const RANGE_PART: i64 = 8;

/// Everything that speaks against a radiograph.
pub(crate) fn doubts(plain: &PlainFacts) -> Vec<Notice> {
    let PlainFacts { width, height, lowest, highest, max_value, is_coloured, orientation } = *plain;
    let is_blank = lowest == highest;
    let is_dark = i64::from(highest) * RANGE_PART < i64::from(max_value) + 1;
    let doubts = [
        (
            is_coloured,
            "colour",
            "the picture is in colour, as no radiograph is; the model sees its red channel only",
        ),
        (
            width.min(height) < SIDE_MIN_PX,
            "tiny",
            "the picture has less than 100 pixels on a side, as no radiograph has",
        ),
        (is_blank, "blank", "all pixels of the picture have the same value"),
        (
            is_dark && !is_blank,
            "dark",
            "no pixel of the picture reaches an eighth of full brightness; it may hold fewer bits than its file says, and \
             then the model sees it too dark",
        ),
        (
            orientation.is_some_and(|orientation| orientation != 1),
            "turned",
            "the picture says of itself that it has to be turned or mirrored (EXIF orientation); the model sees it as it is \
             stored, so that sides may be wrong",
        ),
    ];
    let holds = doubts.into_iter().filter(|(holds, ..)| *holds);
    holds.map(|(_, code, text)| Notice { code: code.to_owned(), text: text.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_speaks_against_a_radiograph_is_said_and_nothing_of_one() {
        let sound = PlainFacts {
            width: 100,
            height: 100,
            lowest: 0,
            highest: 32,
            max_value: 255,
            is_coloured: false,
            orientation: None,
        };
        let codes =
            |plain: PlainFacts| doubts(&plain).into_iter().map(|doubt| doubt.code).collect::<Vec<_>>();
        assert_eq!(codes(sound), [""; 0]);
        assert_eq!(codes(PlainFacts { orientation: Some(1), ..sound }), [""; 0]);
        assert_eq!(codes(PlainFacts { orientation: Some(6), ..sound }), ["turned"]);
        assert_eq!(codes(PlainFacts { is_coloured: true, ..sound }), ["colour"]);
        assert_eq!(codes(PlainFacts { height: 99, ..sound }), ["tiny"]);
        assert_eq!(codes(PlainFacts { highest: 31, ..sound }), ["dark"]);
        assert_eq!(codes(PlainFacts { lowest: 0, highest: 0, ..sound }), ["blank"]);
        assert_eq!(codes(PlainFacts { highest: 4095, max_value: 65_535, ..sound }), ["dark"]);
        assert_eq!(codes(PlainFacts { highest: 8192, max_value: 65_535, ..sound }), [""; 0]);
    }
}
