//! The window of a DICOM header (PS3.3 C.11.2.1.2 and C.11.2.1.3). Knows no pixels.

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::header::number;
use super::text::text;
use crate::error::{Refusal, RefusalCode};

/// VOI LUT Function (0028,1056).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Linear,
    LinearExact,
    Sigmoid,
}

/// Which modality values are shown between black and white.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    center: f64,
    width: f64,
    function: Function,
}

impl Window {
    /// The first of the windows; `None` if centre or width is absent or empty.
    pub(super) fn of(object: &InMemDicomObject) -> Result<Option<Self>, Refusal> {
        let center = number(object, tags::WINDOW_CENTER, "window centre")?;
        let Some((center, width)) = center.zip(number(object, tags::WINDOW_WIDTH, "window width")?) else {
            return Ok(None);
        };
        let function = match text(object, tags::VOILUT_FUNCTION).as_deref() {
            None | Some("LINEAR") => Function::Linear,
            Some("LINEAR_EXACT") => Function::LinearExact,
            Some("SIGMOID") => Function::Sigmoid,
            Some(_) => return Err(RefusalCode::UnusableWindow.with("an unknown window function".into())),
        };
        let wide_enough = if function == Function::Linear { width >= 1.0 } else { width > 0.0 };
        if !wide_enough {
            return Err(RefusalCode::UnusableWindow.with(format!("a window width of {width}")));
        }
        Ok(Some(Self { center, width, function }))
    }

    /// Brightness from 0 to 1.
    pub(super) fn brightness(&self, value: f64) -> f64 {
        match self.function {
            Function::Linear => linear(value, self.center - 0.5, self.width - 1.0),
            Function::LinearExact => linear(value, self.center, self.width),
            Function::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - self.center) / self.width).exp()),
        }
    }
}

fn linear(value: f64, center: f64, width: f64) -> f64 {
    if value <= center - width / 2.0 {
        0.0
    } else if value > center + width / 2.0 {
        1.0
    } else {
        (value - center) / width + 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brightness(function: Function, center: f64, width: f64, value: f64) -> f64 {
        Window { center, width, function }.brightness(value)
    }

    /// The cases of the notes in PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2.
    #[test]
    fn the_ends_of_linear_windows_are_those_of_the_standard() {
        use Function::{Linear, LinearExact};
        let cases = [
            (Linear, 2048.0, 4096.0, 0.0, 0.0),
            (Linear, 2048.0, 4096.0, 4095.0, 1.0),
            (Linear, 2048.0, 1.0, 2047.0, 0.0),
            (Linear, 2048.0, 1.0, 2048.0, 1.0),
            (Linear, 0.0, 100.0, -50.0, 0.0),
            (Linear, 0.0, 100.0, 49.0, 1.0),
            (LinearExact, 2048.0, 4096.0, 0.0, 0.0),
            (LinearExact, 2048.0, 4096.0, 4096.0, 1.0),
            (LinearExact, 2048.0, 1.0, 2047.5, 0.0),
            (LinearExact, 2048.0, 1.0, 2048.5, 1.0),
        ];
        for (function, center, width, value, expected) in cases {
            let found = brightness(function, center, width, value);
            assert_eq!(found, expected, "{function:?} {center}/{width} at {value}");
        }
    }

    #[test]
    fn a_sigmoid_is_half_bright_at_its_centre_and_has_no_ends() {
        let at = |value| brightness(Function::Sigmoid, 100.0, 50.0, value);
        assert_eq!(at(100.0), 0.5);
        assert!((at(150.0) - 1.0 / (1.0 + (-4.0f64).exp())).abs() < 1e-15);
        assert!(at(-1e300) == 0.0 && at(1e300) == 1.0);
    }
}
