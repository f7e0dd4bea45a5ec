//! Where an activation map lies on its picture: one cell per value, exactly over the square that the network saw, and the
//! strips beside that square. Numbers only, in pixels of the picture; each form draws them in its own way.

use hilum_events::{ActivationMap, AnalysedRegion};

/// Steps from weak to strong, told apart by lightness too.
pub(crate) const STEPS: [Step; 5] = [
    Step { rgb: [0xff, 0xe0, 0x66], opacity: 0.18 },
    Step { rgb: [0xff, 0xb3, 0x47], opacity: 0.28 },
    Step { rgb: [0xff, 0x7f, 0x2a], opacity: 0.36 },
    Step { rgb: [0xe8, 0x41, 0x2a], opacity: 0.44 },
    Step { rgb: [0xa8, 0x10, 0x2a], opacity: 0.52 },
];
/// Most cells drawn: maps are 7 by 7; anything huge is not a map.
const MAX_CELLS: usize = 4096;

/// The paint of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) rgb: [u8; 3],
    pub(crate) opacity: f32,
}

/// A rectangle of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RelativeArea {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// A cell that contributes positively.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell {
    pub(crate) area: RelativeArea,
    pub(crate) value: f32,
    pub(crate) step: Step,
}

/// A map that can be drawn.
pub(crate) struct Overlay<'a> {
    map: &'a ActivationMap,
    region: AnalysedRegion,
    /// The largest value, or 0 when none is positive.
    largest: f32,
}

impl<'a> Overlay<'a> {
    /// The map over its region; `None` when its values do not fill its rows and columns or the region is empty.
    pub(crate) fn new(map: &'a ActivationMap, region: AnalysedRegion) -> Option<Self> {
        let cells = usize::try_from(u64::from(map.rows) * u64::from(map.columns)).ok()?;
        let fits = cells == map.values.len() && (1..=MAX_CELLS).contains(&cells);
        let seen = region.side > 0 && region.picture_width > 0 && region.picture_height > 0;
        let largest = map.values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f32::max);
        (fits && seen).then_some(Self { map, region, largest })
    }

    pub(crate) fn label(&self) -> &'a str {
        &self.map.label
    }

    /// Such as `7 × 7`.
    pub(crate) fn size(&self) -> String {
        format!("{} × {}", self.map.rows, self.map.columns)
    }

    pub(crate) fn region(&self) -> AnalysedRegion {
        self.region
    }

    /// The values at which the steps begin, and the largest; `None` when no cell is positive.
    pub(crate) fn bounds(&self) -> Option<[f32; STEPS.len() + 1]> {
        let bound = |index: usize| self.largest * index as f32 / STEPS.len() as f32;
        (self.largest > 0.0).then(|| std::array::from_fn(bound))
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = Cell> {
        let AnalysedRegion { x, y, side, .. } = self.region;
        let (width, height) =
            (f64::from(side) / f64::from(self.map.columns), f64::from(side) / f64::from(self.map.rows));
        let columns = self.map.columns as usize;
        self.map.values.iter().enumerate().filter(|(_, value)| **value > 0.0).map(move |(index, value)| {
            let x = f64::from(x) + width * (index % columns) as f64;
            let y = f64::from(y) + height * (index / columns) as f64;
            let step = (value / self.largest).clamp(0.0, 1.0) * STEPS.len() as f32;
            let step = STEPS[(step as usize).min(STEPS.len() - 1)];
            Cell { area: RelativeArea { x, y, width, height }, value: *value, step }
        })
    }

    /// What was cut off before the network saw the picture.
    pub(crate) fn margins(&self) -> impl Iterator<Item = RelativeArea> {
        let AnalysedRegion { picture_width, picture_height, x, y, side } = self.region;
        let [width, height, x, y, side] = [picture_width, picture_height, x, y, side].map(f64::from);
        [
            RelativeArea { x: 0.0, y: 0.0, width: x, height },
            RelativeArea { x: x + side, y: 0.0, width: width - x - side, height },
            RelativeArea { x, y: 0.0, width: side, height: y },
            RelativeArea { x, y: y + side, width: side, height: height - y - side },
        ]
        .into_iter()
        .filter(|margin| margin.width > 0.0 && margin.height > 0.0)
    }
}
