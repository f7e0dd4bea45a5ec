//! Pictures of a report as images of a PDF: grey, a byte per sample, without loss.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hilum_events::Sha256Digest;
use image::GrayImage;
use krilla::image::{BitsPerComponent, CustomImage, Image, ImageColorspace};

use crate::pictures::{self, Picture, Pictures};

/// A decoded picture, told from others by its hash.
#[derive(Clone)]
struct Grey {
    sha256: Sha256Digest,
    samples: Arc<GrayImage>,
}

impl Hash for Grey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.sha256, self.samples.dimensions()).hash(state);
    }
}

impl CustomImage for Grey {
    fn color_channel(&self) -> &[u8] {
        self.samples.as_raw()
    }

    fn alpha_channel(&self) -> Option<&[u8]> {
        None
    }

    fn bits_per_component(&self) -> BitsPerComponent {
        BitsPerComponent::Eight
    }

    fn size(&self) -> (u32, u32) {
        self.samples.dimensions()
    }

    fn icc_profile(&self) -> Option<&[u8]> {
        None
    }

    fn color_space(&self) -> ImageColorspace {
        ImageColorspace::Luma
    }
}

/// Those that are pictures. Samples are shown as they are: a viewer that smooths them would invent some.
pub(super) fn decoded(pictures: &Pictures) -> BTreeMap<Sha256Digest, Image> {
    let decoded = pictures.iter().filter_map(|(sha256, picture)| {
        let Picture::Shown { png } = picture else { return None };
        let samples = Arc::new(pictures::grey(png).ok()?);
        let image = Image::from_custom(Grey { sha256: *sha256, samples }, false).ok()?;
        Some((*sha256, image))
    });
    decoded.collect()
}
