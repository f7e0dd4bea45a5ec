//! Picture to model input: scaling, centre crop and resize exactly as torchxrayvision does them, because the
//! networks were trained on that. Knows no file and no model.

mod resample;
mod skimage;
mod torch;

use std::fmt;

use hilum_events::AnalysedRegion;
use serde::{Deserialize, Serialize};

use self::resample::{Sample, Scale, Square};
use crate::picture::{Picture, Samples};

/// How a square picture is brought to the side the model wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResizeMethod {
    /// scikit-image `resize`: Gaussian pre-filter, then bilinear. What torchxrayvision trained with.
    SkimageGaussian,
    /// PyTorch antialiased bilinear `interpolate`. What torchxrayvision's model does to larger inputs.
    TorchAntialias,
}

/// Everything that decides which numbers a model sees of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Side of the square input, pixels.
    pub input_side_px: u32,
    /// How it is resized.
    pub resize: ResizeMethod,
    /// Black becomes minus this, full brightness plus this.
    pub value_range: f32,
}

impl Default for Preprocessing {
    fn default() -> Self {
        Self { input_side_px: 224, resize: ResizeMethod::SkimageGaussian, value_range: 1024.0 }
    }
}

impl Preprocessing {
    /// Raised whenever the same settings would give other numbers.
    const VERSION: u32 = 1;

    /// A stable name for these settings, such as `xrv-skimage-224-1`; a value range other than 1024 shows.
    pub fn id(&self) -> String {
        self.variant_id("")
    }

    /// [`Self::id`] with `variant` before the version.
    pub(crate) fn variant_id(&self, variant: &str) -> String {
        let method = match self.resize {
            ResizeMethod::SkimageGaussian => "skimage",
            ResizeMethod::TorchAntialias => "torchaa",
        };
        let range =
            if self.value_range == 1024.0 { String::new() } else { format!("-r{}", self.value_range) };
        format!("xrv-{method}-{}{range}{variant}-{}", self.input_side_px, Self::VERSION)
    }
}

/// One picture as the model takes it.
#[derive(Clone, PartialEq)]
pub struct ModelInput {
    /// Rows and columns.
    pub side_px: u32,
    /// `side_px`² numbers, row by row, within plus and minus the value range (signed DICOM: may lie below).
    pub values: Vec<f32>,
    /// The square of the picture that these numbers show.
    pub region: AnalysedRegion,
}

/// Without the numbers: they are the picture.
impl fmt::Debug for ModelInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side_px, region, .. } = self;
        f.debug_struct("ModelInput").field("side_px", side_px).field("region", region).finish_non_exhaustive()
    }
}

/// Scales, crops to the central square and resizes.
///
/// A picture smaller than the input is enlarged. With [`ResizeMethod::SkimageGaussian`] the outermost rows
/// and columns are then blended with zero, which is what the reference does.
pub fn preprocess(picture: &Picture, preprocessing: &Preprocessing) -> ModelInput {
    let region = central_square(picture.width(), picture.height());
    let scale = Scale { max: picture.max_value() as f32, range: preprocessing.value_range };
    let values = match picture.samples() {
        Samples::Bytes(samples) => resized(&square(samples, &region), scale, preprocessing),
        Samples::Unsigned(samples) => resized(&square(samples, &region), scale, preprocessing),
        Samples::Signed(samples) => resized(&square(samples, &region), scale, preprocessing),
    };
    ModelInput { side_px: preprocessing.input_side_px, values, region }
}

fn square<'a, T>(samples: &'a [T], region: &AnalysedRegion) -> Square<'a, T> {
    Square {
        samples,
        width: region.picture_width as usize,
        x: region.x as usize,
        y: region.y as usize,
        side: region.side as usize,
    }
}

/// A square of the wanted side is only scaled.
fn resized<T: Sample>(square: &Square<'_, T>, scale: Scale, preprocessing: &Preprocessing) -> Vec<f32> {
    let side = preprocessing.input_side_px as usize;
    if square.side == side {
        return resample::scaled(square, scale);
    }
    match preprocessing.resize {
        ResizeMethod::SkimageGaussian => {
            let mut values = resample::filtered(square, scale, &skimage::filter(square.side, side));
            let (low, high) = resample::range(square);
            skimage::clip(&mut values, (scale.apply(low), scale.apply(high)));
            values
        }
        ResizeMethod::TorchAntialias => resample::filtered(square, scale, &torch::filter(square.side, side)),
    }
}

/// torchxrayvision `XRayCenterCrop`: both starts are differences of floors, which matters for odd sizes.
fn central_square(width: u32, height: u32) -> AnalysedRegion {
    let side = width.min(height);
    AnalysedRegion {
        picture_width: width,
        picture_height: height,
        x: width / 2 - side / 2,
        y: height / 2 - side / 2,
        side,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const METHODS: [ResizeMethod; 2] = [ResizeMethod::SkimageGaussian, ResizeMethod::TorchAntialias];

    fn picture(width: u32, height: u32, value: impl Fn(u32, u32) -> u16) -> Picture {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let samples = Samples::Unsigned(pixels.map(|(x, y)| value(x, y)).collect());
        Picture::new((width, height), 255, 8, samples).unwrap()
    }

    fn patterned(width: u32, height: u32) -> Picture {
        picture(width, height, |x, y| ((x * 7 + y * 13) % 256) as u16)
    }

    fn run(picture: &Picture, resize: ResizeMethod) -> ModelInput {
        preprocess(picture, &Preprocessing { resize, ..Preprocessing::default() })
    }

    #[test]
    fn the_names_of_settings_are_stable() {
        let mut settings = Preprocessing::default();
        assert_eq!(settings.id(), "xrv-skimage-224-1");
        settings.resize = ResizeMethod::TorchAntialias;
        settings.input_side_px = 512;
        assert_eq!(settings.id(), "xrv-torchaa-512-1");
        settings.value_range = 1.0;
        assert_eq!(settings.id(), "xrv-torchaa-512-r1-1");
    }

    #[test]
    fn a_picture_of_the_right_size_is_only_scaled() {
        let input = patterned(224, 224);
        for method in METHODS {
            let values = run(&input, method).values;
            assert_eq!(values[0], -1024.0);
            assert_eq!(values[1], (2.0f32 * (7.0 / 255.0) - 1.0) * 1024.0);
            assert_eq!(values[223 * 224 + 223], (2.0f32 * (108.0 / 255.0) - 1.0) * 1024.0);
        }
    }

    #[test]
    fn signed_values_go_below_the_range_without_being_clamped() {
        let samples = Samples::Signed(vec![-255; 224 * 224]);
        let input = Picture::new((224, 224), 255, 8, samples).unwrap();
        assert!(METHODS.iter().all(|method| run(&input, *method).values.iter().all(|v| *v == -3072.0)));
    }

    /// Computed with scikit-image 0.26 on the same pattern: side, then the values at eight places.
    #[test]
    fn enlarging_agrees_with_scikit_image() {
        const AT: [usize; 8] = [0, 1, 223, 224 * 111 + 111, 224 * 112 + 7, 224 * 200 + 150, 224 * 223, 50175];
        let reference: [(u32, [f64; 8]); 4] = [
            (
                2,
                [
                    -863.372559,
                    -863.372559,
                    -863.372559,
                    -944.403381,
                    -863.372559,
                    -863.372559,
                    -863.372559,
                    -863.372559,
                ],
            ),
            (
                100,
                [
                    -535.591858,
                    -733.67395,
                    224.738556,
                    723.110413,
                    215.556351,
                    -317.812866,
                    -506.186798,
                    254.1436,
                ],
            ),
            (
                225,
                [
                    -1023.64148,
                    -967.170898,
                    -766.88855,
                    437.351288,
                    837.378174,
                    -362.702484,
                    -253.095779,
                    3.65720344,
                ],
            ),
            (
                448,
                [
                    -833.213684,
                    -778.393433,
                    -482.00824,
                    -236.925476,
                    614.400024,
                    116.454948,
                    345.300079,
                    696.505493,
                ],
            ),
        ];
        for (side, expected) in reference {
            let values = run(&patterned(side, side), ResizeMethod::SkimageGaussian).values;
            for (index, expected) in AT.into_iter().zip(expected) {
                assert!(
                    (f64::from(values[index]) - expected).abs() < 1e-4,
                    "side {side}, at {index}: {}",
                    values[index]
                );
            }
        }
    }

    #[test]
    fn every_size_down_to_one_pixel_gives_a_full_input() {
        for (width, height) in [(1, 1), (1, 900), (3, 2), (223, 225), (1000, 31)] {
            for method in METHODS {
                let input = run(&patterned(width, height), method);
                assert_eq!(input.values.len(), 224 * 224);
                assert!(input.values.iter().all(|value| value.is_finite()));
            }
        }
    }

    proptest! {
        #[test]
        fn the_square_is_central_and_inside(width in 1u32..20_000, height in 1u32..20_000) {
            let square = central_square(width, height);
            prop_assert_eq!(square.side, width.min(height));
            prop_assert!(square.x + square.side <= width && square.y + square.side <= height);
            let margins = |dimension: u32, start: u32| (start, dimension - start - square.side);
            for (before, after) in [margins(width, square.x), margins(height, square.y)] {
                prop_assert!(before.abs_diff(after) <= 1);
            }
        }

        #[test]
        fn a_constant_picture_stays_constant_when_made_smaller(
            width in 224u32..400, height in 224u32..400, value in 0u16..=255,
        ) {
            let expected = (2.0 * (f32::from(value) / 255.0) - 1.0) * 1024.0;
            for method in METHODS {
                for found in run(&picture(width, height, |_, _| value), method).values {
                    prop_assert!((found - expected).abs() < 1e-2, "{found} for {expected}");
                }
            }
        }

        #[test]
        fn resizing_stays_within_the_values_of_the_picture(
            width in 1u32..300, height in 1u32..300, low in 0u16..120, high in 130u16..=255,
        ) {
            let input = picture(width, height, |x, y| if (x + y) % 3 == 0 { low } else { high });
            let bound = |value: u16| (2.0 * (f32::from(value) / 255.0) - 1.0) * 1024.0;
            for method in METHODS {
                for found in run(&input, method).values {
                    prop_assert!(found >= bound(low) - 1e-2 && found <= bound(high) + 1e-2);
                }
            }
        }
    }
}
