//! What stands in the place of an image's picture, in every form that shows pictures.

use hilum_events::Sha256Digest;

use crate::document::ImageEntry;
use crate::pictures::{Choice, Picture, Pictures};
use crate::words::{Language, Sentence};

/// The picture of an image, or why there is none.
#[derive(Debug)]
pub(crate) enum PictureOrReason<'a> {
    /// A PNG.
    Shown { png: &'a [u8], sha256: &'a Sha256Digest },
    /// Why there is none.
    Missing(Sentence),
}

/// Looks for the picture of an image among those that were chosen and found.
pub(crate) fn picture_or_reason<'a>(
    image: &'a ImageEntry,
    choice: &Choice,
    pictures: &'a Pictures,
    language: Language,
) -> PictureOrReason<'a> {
    let words = language.words();
    let ours = |text: &str| Sentence { text: text.to_owned(), original: None };
    let Some(preview) = &image.preview else {
        return PictureOrReason::Missing(match &image.preview_missing {
            Some(reason) => language.why_no_picture(reason),
            None => ours(words.none_was_kept),
        });
    };
    match (choice, pictures.get(&preview.sha256)) {
        (Choice::Nothing { reason }, _) | (_, Some(Picture::Missing { reason })) => {
            PictureOrReason::Missing(language.why_no_picture(reason))
        }
        (_, Some(Picture::Shown { png })) => PictureOrReason::Shown { png, sha256: &preview.sha256 },
        (_, None) => PictureOrReason::Missing(ours(words.not_fetched)),
    }
}
