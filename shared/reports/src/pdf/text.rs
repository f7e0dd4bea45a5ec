//! Text to be set, and its breaking into lines: at spaces, and anywhere in what is longer than a line, such as a hash.

use super::colour::{Colour, INK};
use super::face::{Faces, Weight, legible};

/// What a stretch of text looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub(super) weight: Weight,
    pub(super) colour: Colour,
}

/// A stretch of text that looks the same throughout.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) look: Look,
}

impl Run {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self::coloured(text, INK)
    }

    pub(super) fn bold(text: impl Into<String>) -> Self {
        Self::bold_coloured(text, INK)
    }

    pub(super) fn coloured(text: impl Into<String>, colour: Colour) -> Self {
        Self { text: text.into(), look: Look { weight: Weight::Regular, colour } }
    }

    pub(super) fn bold_coloured(text: impl Into<String>, colour: Colour) -> Self {
        Self { text: text.into(), look: Look { weight: Weight::Bold, colour } }
    }
}

/// The text of all of them.
pub(super) fn text_of(runs: &[Run]) -> String {
    runs.iter().map(|run| run.text.as_str()).collect()
}

/// A line of a paragraph.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Each with its distance from the start of the line, points.
    pub(super) runs: Vec<(f32, Run)>,
    /// Without the space at its end.
    pub(super) width: f32,
}

/// Breaks `runs` into lines of at most `width`, all in one size; one line at least. Of more lines than `most` the last
/// one that is kept ends in ….
pub(super) fn lines(faces: &Faces, runs: &[Run], size: f32, width: f32, most: usize) -> Vec<Line> {
    let mut filling = Filling { faces, size, limit: width, done: Vec::new(), open: Vec::new(), used: 0.0 };
    for word in words(runs) {
        filling.add(&word);
    }
    let mut done = filling.finish();
    if done.len() > most {
        done.truncate(most);
        if let Some((letter, _)) = done.last_mut().and_then(|line| line.last_mut()) {
            *letter = '…';
        }
    }
    done.iter().map(|letters| line(faces, letters, size)).collect()
}

/// A letter and what it looks like.
type Letter = (char, Look);

/// The words, each with the spaces behind it.
fn words(runs: &[Run]) -> Vec<Vec<Letter>> {
    let mut words: Vec<Vec<Letter>> = Vec::new();
    let mut after_space = true;
    for run in runs {
        for letter in run.text.chars().map(legible) {
            let starts = after_space && letter != ' ';
            match words.last_mut() {
                Some(word) if !starts => word.push((letter, run.look)),
                _ => words.push(vec![(letter, run.look)]),
            }
            after_space = letter == ' ';
        }
    }
    words
}

/// Lines that are being filled.
struct Filling<'a> {
    faces: &'a Faces,
    size: f32,
    limit: f32,
    done: Vec<Vec<Letter>>,
    open: Vec<Letter>,
    used: f32,
}

impl Filling<'_> {
    fn add(&mut self, word: &[Letter]) {
        let visible = word.iter().rposition(|(letter, _)| *letter != ' ').map_or(0, |last| last + 1);
        let width: f32 = word[..visible].iter().map(|letter| self.width(*letter)).sum();
        if self.used + width > self.limit {
            if width <= self.limit {
                self.close();
            } else {
                return word.iter().for_each(|letter| self.add_letter(*letter));
            }
        }
        for letter in word {
            self.used += self.width(*letter);
            self.open.push(*letter);
        }
    }

    /// Breaks before it when the line is full; a space stays.
    fn add_letter(&mut self, letter: Letter) {
        let width = self.width(letter);
        if letter.0 != ' ' && self.used + width > self.limit && !self.open.is_empty() {
            self.close();
        }
        self.used += width;
        self.open.push(letter);
    }

    fn close(&mut self) {
        self.done.push(std::mem::take(&mut self.open));
        self.used = 0.0;
    }

    fn finish(mut self) -> Vec<Vec<Letter>> {
        if !self.open.is_empty() || self.done.is_empty() {
            self.close();
        }
        self.done
    }

    fn width(&self, (letter, look): Letter) -> f32 {
        self.faces.of(look.weight).advance(letter) * self.size
    }
}

fn line(faces: &Faces, letters: &[Letter], size: f32) -> Line {
    let mut line = Line::default();
    let mut x = 0.0;
    for (letter, look) in letters.iter().copied() {
        match line.runs.last_mut() {
            Some((_, run)) if run.look == look => run.text.push(letter),
            _ => line.runs.push((x, Run { text: letter.into(), look })),
        }
        x += faces.of(look.weight).advance(letter) * size;
        if letter != ' ' {
            line.width = x;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: f32 = 10.0;

    fn broken(text: &str, width: f32, most: usize) -> Vec<String> {
        let faces = Faces::read().unwrap();
        let lines = lines(&faces, &[Run::plain(text)], SIZE, width, most);
        for line in &lines {
            assert!(line.width <= width, "{line:?}");
        }
        lines.iter().map(|line| line.runs.iter().map(|(_, run)| run.text.as_str()).collect()).collect()
    }

    #[test]
    fn text_is_broken_at_spaces_and_none_of_it_is_lost() {
        let text = "For research use only. 진단이 아닙니다. Not a diagnosis.";
        let lines = broken(text, 80.0, 99);
        assert!(lines.len() > 2, "{lines:?}");
        assert_eq!(lines.concat(), text);
        assert!(lines.iter().rev().skip(1).all(|line| line.ends_with(' ')), "{lines:?}");
    }

    #[test]
    fn a_hash_is_broken_anywhere_after_the_words_before_it() {
        let text = format!("SHA-256 {}", "0123456789abcdef".repeat(4));
        let lines = broken(&text, 120.0, 99);
        assert_eq!(lines.concat(), text);
        assert!(lines[0].starts_with("SHA-256 0123"), "{lines:?}");
    }

    #[test]
    fn nothing_is_an_empty_line_and_too_much_is_cut_visibly() {
        assert_eq!(broken("", 50.0, 9), [""]);
        let lines = broken("one two three four five six seven", 40.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].ends_with('…'), "{lines:?}");
    }

    #[test]
    fn a_line_narrower_than_a_letter_still_takes_one() {
        let faces = Faces::read().unwrap();
        assert_eq!(lines(&faces, &[Run::plain("MM")], SIZE, 1.0, 9).len(), 2);
    }

    #[test]
    fn a_change_of_look_is_no_place_to_break() {
        let faces = Faces::read().unwrap();
        let runs = [Run::bold("Effu"), Run::plain("sion of both sides")];
        let lines = lines(&faces, &runs, SIZE, 45.0, 9);
        let first: Vec<_> = lines[0].runs.iter().map(|(_, run)| run.text.as_str()).collect();
        assert_eq!(first, ["Effu", "sion "]);
        assert!(lines[0].runs[1].0 > 0.0);
    }
}
