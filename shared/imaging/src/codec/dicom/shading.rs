//! Stored values to brightness as a viewer shows them: modality LUT or rescale (PS3.3 C.11.1), then VOI LUT or window
//! (C.11.2), the first where there are several. Overlays, padding values and presentation states are not looked at.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::header::{Header, number};
use super::lut::Lut;
use super::window::Window;
use crate::codec::levels;
use crate::error::{Refusal, RefusalCode};
use crate::picture::Samples;

/// How a stored value becomes brightness, before `MONOCHROME1` is turned over.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shading {
    modality: Modality,
    voi: Voi,
}

/// Stored value to modality value.
#[derive(Debug, Clone, PartialEq)]
enum Modality {
    Rescale { slope: f64, intercept: f64 },
    Lut(Lut),
}

/// Modality value to brightness.
#[derive(Debug, Clone, PartialEq)]
enum Voi {
    Lut(Lut),
    Window(Window),
    /// Where neither is given: from the first number to the second, which is larger.
    Whole(f64, f64),
}

impl Shading {
    /// The shading that the header asks for. Where it names neither window nor VOI LUT, brightness goes from the smallest to the
    /// largest value that the stored bits, or the modality LUT, allow.
    pub(super) fn of(object: &InMemDicomObject, header: &Header) -> Result<Self, Refusal> {
        let (smallest, largest) = header.stored_range();
        let modality = Modality::of(object, (smallest.into(), largest.into()))?;
        let (low, high) = modality.outputs(smallest, largest);
        let is_range = low < high && (high - low).is_finite();
        if !is_range {
            return Err(RefusalCode::UnusableWindow.with("the rescale leads to no range of numbers".into()));
        }
        let voi = match Lut::of(object, tags::VOILUT_SEQUENCE, (low, high))? {
            Some(lut) => Voi::Lut(lut),
            None => Window::of(object)?.map_or(Voi::Whole(low, high), Voi::Window),
        };
        Ok(Self { modality, voi })
    }

    /// A shading from the smallest to the largest stored value there is, for headers that are of no use.
    pub(super) fn plain((smallest, largest): (i32, i32)) -> Self {
        let modality = Modality::Rescale { slope: 1.0, intercept: 0.0 };
        Self { modality, voi: Voi::Whole(smallest.into(), largest.into()) }
    }

    /// The same shading, but where the header names neither window nor VOI LUT brightness goes over the values that there are
    /// instead of over those that there could be.
    pub(super) fn stretched(self, (smallest, largest): (i32, i32)) -> Self {
        let voi = match self.voi {
            Voi::Whole(..) => {
                let (low, high) = self.modality.outputs(smallest, largest);
                Voi::Whole(low, high)
            }
            given @ (Voi::Lut(_) | Voi::Window(_)) => given,
        };
        Self { voi, ..self }
    }

    /// Brightness from 0 to 1.
    fn brightness(&self, stored: i32) -> f64 {
        let value = self.modality.output(stored);
        match &self.voi {
            Voi::Lut(lut) => f64::from(lut.output(value)) / f64::from(lut.max_value()),
            Voi::Window(window) => window.brightness(value),
            Voi::Whole(low, high) => ((value - low) / (high - low).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0),
        }
    }

    /// Applies `level` to the brightness of each sample.
    pub(super) fn levels<T: Copy>(&self, samples: &Samples, level: impl Fn(f64) -> T) -> Vec<T> {
        levels::of(samples, |stored| level(self.brightness(stored)))
    }
}

impl Modality {
    fn of(object: &InMemDicomObject, inputs: (f64, f64)) -> Result<Self, Refusal> {
        if let Some(lut) = Lut::of(object, tags::MODALITY_LUT_SEQUENCE, inputs)? {
            return Ok(Self::Lut(lut));
        }
        // One without the other means nothing.
        let slope = number(object, tags::RESCALE_SLOPE, "rescale slope")?;
        let intercept = number(object, tags::RESCALE_INTERCEPT, "rescale intercept")?;
        let (slope, intercept) = slope.zip(intercept).unwrap_or((1.0, 0.0));
        Ok(Self::Rescale { slope, intercept })
    }

    fn output(&self, stored: i32) -> f64 {
        match self {
            Self::Rescale { slope, intercept } => f64::from(stored) * slope + intercept,
            Self::Lut(lut) => lut.output(stored.into()).into(),
        }
    }

    /// The smallest and the largest output for stored values between these two; of a LUT, which need not rise or
    /// fall all the way, those that its bits allow.
    fn outputs(&self, smallest: i32, largest: i32) -> (f64, f64) {
        match self {
            Self::Rescale { .. } => {
                let (a, b) = (self.output(smallest), self.output(largest));
                (a.min(b), a.max(b))
            }
            Self::Lut(lut) => (0.0, lut.max_value().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rescaled(slope: f64, intercept: f64, voi: Voi) -> Shading {
        Shading { modality: Modality::Rescale { slope, intercept }, voi }
    }

    #[test]
    fn without_a_window_the_whole_range_is_shown_and_a_negative_slope_turns_it_over() {
        let samples = Samples::Signed(vec![-2048, -1, 2047]);
        let levels = |shading: Shading| shading.levels(&samples, |brightness| (brightness * 4095.0).round());
        assert_eq!(levels(rescaled(2.0, -7.0, Voi::Whole(-4103.0, 4087.0))), [0.0, 2047.0, 4095.0]);
        assert_eq!(levels(rescaled(-2.0, -7.0, Voi::Whole(-4101.0, 4089.0))), [4095.0, 2048.0, 0.0]);
    }

    #[test]
    fn stretching_leaves_a_window_alone_and_survives_a_flat_picture() {
        let whole = rescaled(1.0, 0.0, Voi::Whole(0.0, 255.0));
        assert_eq!(whole.clone().stretched((10, 20)).voi, Voi::Whole(10.0, 20.0));
        let flat = whole.stretched((10, 10));
        assert_eq!(flat.levels(&Samples::Unsigned(vec![10; 3]), |brightness| brightness), [0.0; 3]);
    }
}
