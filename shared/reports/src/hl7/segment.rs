//! One segment of an HL7 v2 message with the usual separators. Knows no field's meaning.

/// A segment whose fields are set by their number in the standard.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    name: &'static str,
    /// Fields from the first one on, escaped.
    fields: Vec<String>,
}

impl Segment {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new() }
    }

    /// MSH, which names the separators: the first is its field 1, the others are its field 2.
    pub(super) fn header() -> Self {
        let mut header = Self::new("MSH");
        header.fields = vec!["|".to_owned(), "^~\\&".to_owned()];
        header
    }

    /// Sets a field of one component; an empty text leaves it empty.
    pub(super) fn text(self, field: usize, text: &str) -> Self {
        self.components(field, &[text])
    }

    /// Sets a field. What would stand between components in the text itself is escaped.
    pub(super) fn components(mut self, field: usize, components: &[impl AsRef<str>]) -> Self {
        *self.at(field) = joined(components);
        self
    }

    /// Sets a field that repeats.
    pub(super) fn repeated(mut self, field: usize, repeats: &[Vec<&str>]) -> Self {
        *self.at(field) = repeats.iter().map(|repeat| joined(repeat)).collect::<Vec<_>>().join("~");
        self
    }

    fn at(&mut self, field: usize) -> &mut String {
        if self.fields.len() < field {
            self.fields.resize(field, String::new());
        }
        &mut self.fields[field - 1]
    }

    pub(super) fn write(&self, message: &mut String) {
        message.push_str(self.name);
        // The separator itself is a field of MSH, and stands where it separates.
        let fields = if self.name == "MSH" { &self.fields[1..] } else { &self.fields[..] };
        for field in fields {
            message.push('|');
            message.push_str(field);
        }
        message.push('\r');
    }
}

/// The components of a field, without empty ones at the end.
fn joined(components: &[impl AsRef<str>]) -> String {
    let escaped: Vec<String> = components.iter().map(|component| escaped(component.as_ref())).collect();
    escaped.join("^").trim_end_matches('^').to_owned()
}

/// The text without what would be a separator. Control characters, of which one ends a segment, become spaces.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' => escaped.push_str("\\F\\"),
            '^' => escaped.push_str("\\S\\"),
            '&' => escaped.push_str("\\T\\"),
            '~' => escaped.push_str("\\R\\"),
            '\\' => escaped.push_str("\\E\\"),
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The most characters of a line of text, before it is escaped.
const LINE_CHARACTERS: usize = 200;
/// The most lines of a text. A longer one ends with `…`; the document has all of it.
const LINES: usize = 20;

/// The text in lines that receivers can hold, broken between words if there are any.
pub(super) fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut held = 0;
    for word in text.split(|character: char| character.is_whitespace() || character.is_control()) {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let room = LINE_CHARACTERS - if held == 0 { 0 } else { (held + 1).min(LINE_CHARACTERS) };
            if word.len() > room && held > 0 {
                lines.push(String::new());
                held = 0;
                continue;
            }
            let rest = word.split_off(word.len().min(room));
            let line = lines.last_mut().expect("there is one from the start");
            if held > 0 {
                line.push(' ');
                held += 1;
            }
            line.extend(&word);
            held += word.len();
            word = rest;
        }
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        lines.push("…".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(segment: &Segment) -> String {
        let mut message = String::new();
        segment.write(&mut message);
        message
    }

    #[test]
    fn fields_stand_at_their_numbers() {
        let segment = Segment::new("OBR").text(4, "d").components(2, &["b", "", "c"]).text(6, "");
        assert_eq!(written(&segment), "OBR||b^^c||d||\r");
    }

    #[test]
    fn the_header_names_its_separators_first() {
        assert_eq!(written(&Segment::header().text(3, "HILUM").text(5, "x")), "MSH|^~\\&|HILUM||x\r");
    }

    #[test]
    fn a_text_can_neither_end_its_field_nor_its_segment() {
        let segment = Segment::new("OBX").text(1, "a|b^c&d~e\\f\rOBX|\ng");
        assert_eq!(written(&segment), "OBX|a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f OBX\\F\\ g\r");
    }

    #[test]
    fn lines_are_parted_between_words() {
        let text = format!("{} {}\r\n\tthe end", "a".repeat(150), "b".repeat(60));
        assert_eq!(lines(&text), ["a".repeat(150), format!("{} the end", "b".repeat(60))]);
        assert_eq!(lines(""), [""]);
    }

    #[test]
    fn a_word_longer_than_a_line_is_cut_and_a_text_without_end_too() {
        assert_eq!(
            lines(&format!("x {}", "ä".repeat(250))),
            ["x".to_owned(), "ä".repeat(200), "ä".repeat(50)]
        );
        let endless = lines(&"word ".repeat(10_000));
        assert_eq!(endless.len(), LINES + 1);
        assert_eq!(endless[LINES], "…");
        assert!(endless.iter().all(|line| line.chars().count() <= LINE_CHARACTERS));
    }
}
