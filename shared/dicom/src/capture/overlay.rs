//! The grey picture and the activation map over it, at the resolution it has: one rectangle per cell, exactly over the
//! square that the network saw. What was cut off is hatched.

use std::io::Cursor;

use hilum_events::{ActivationMap, AnalysedRegion};
use image::{GrayImage, ImageFormat, ImageReader, Limits};

use super::canvas::{Canvas, Rect, Rgb, WHITE};

/// Steps from weak to strong, colour and cover of 256; told apart by lightness too.
pub(super) const STEPS: [(Rgb, u16); 5] = [
    ([0xFF, 0xE0, 0x66], 46),
    ([0xFF, 0xB3, 0x47], 72),
    ([0xFF, 0x7F, 0x2A], 92),
    ([0xE8, 0x41, 0x2A], 113),
    ([0xA8, 0x10, 0x2A], 133),
];
/// Most cells drawn: maps are 7 by 7; anything huge is not a map.
const MAX_CELLS: usize = 4096;

/// The pixels of a stored picture; `None` if it is none or larger than any of ours.
pub(super) fn grey(png: &[u8], side_max_px: u32) -> Option<GrayImage> {
    let mut reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(side_max_px), Some(side_max_px));
    reader.limits(limits);
    let grey = reader.decode().ok()?.into_luma8();
    (grey.width() > 0 && grey.height() > 0).then_some(grey)
}

/// Draws the picture in the middle of `place`, each of its pixels as a square of one whole number of pixels; gives the
/// place that it takes.
pub(super) fn draw_picture(canvas: &mut Canvas, grey: &GrayImage, place: Rect) -> Rect {
    let (width, height) = (grey.width() as i32, grey.height() as i32);
    let times = (place.width / width).min(place.height / height).max(1);
    let taken = Rect {
        x: place.x + (place.width - width * times) / 2,
        y: place.y + (place.height - height * times) / 2,
        width: width * times,
        height: height * times,
    };
    for (x, y, pixel) in grey.enumerate_pixels() {
        let square = Rect {
            x: taken.x + x as i32 * times,
            y: taken.y + y as i32 * times,
            width: times,
            height: times,
        };
        canvas.fill(square, [pixel.0[0]; 3], 256);
    }
    taken
}

/// Hatches what was cut off and outlines the square that the network saw.
pub(super) fn draw_region(canvas: &mut Canvas, taken: Rect, region: AnalysedRegion) {
    let Some(scale) = Scale::of(taken, region) else { return };
    let seen = scale.rect([region.x, region.y].map(f64::from), [region.side, region.side].map(f64::from));
    for y in taken.y..taken.y + taken.height {
        for x in taken.x..taken.x + taken.width {
            let is_seen =
                (seen.x..seen.x + seen.width).contains(&x) && (seen.y..seen.y + seen.height).contains(&y);
            if !is_seen {
                let (colour, cover) = if (x + y) % 12 < 4 { ([0x33; 3], 154) } else { (WHITE, 115) };
                canvas.blend(x, y, colour, cover);
            }
        }
    }
    canvas.outline(seen, WHITE);
}

/// Colours the cells that contribute positively; says with how much the strongest does. `None` if the map is none.
pub(super) fn draw_map(
    canvas: &mut Canvas,
    taken: Rect,
    region: AnalysedRegion,
    map: &ActivationMap,
) -> Option<f32> {
    let scale = Scale::of(taken, region)?;
    let cells = usize::try_from(u64::from(map.rows) * u64::from(map.columns)).ok()?;
    if cells != map.values.len() || !(1..=MAX_CELLS).contains(&cells) {
        return None;
    }
    let largest = map.values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f32::max);
    let [wide, high] = [map.columns, map.rows].map(|count| f64::from(region.side) / f64::from(count));
    let columns = map.columns as usize;
    for (index, value) in map.values.iter().enumerate().filter(|(_, value)| **value > 0.0) {
        let corner = [
            f64::from(region.x) + wide * (index % columns) as f64,
            f64::from(region.y) + high * (index / columns) as f64,
        ];
        let step = (value / largest).clamp(0.0, 1.0) * STEPS.len() as f32;
        let (colour, cover) = STEPS[(step as usize).min(STEPS.len() - 1)];
        canvas.fill(scale.rect(corner, [wide, high]), colour, cover);
    }
    Some(largest)
}

/// From pixels of the whole picture to those of the canvas.
struct Scale {
    taken: Rect,
    factor: [f64; 2],
}

impl Scale {
    /// `None` if the region says nothing.
    fn of(taken: Rect, region: AnalysedRegion) -> Option<Self> {
        let AnalysedRegion { picture_width, picture_height, side, .. } = region;
        let factor = [
            f64::from(taken.width) / f64::from(picture_width),
            f64::from(taken.height) / f64::from(picture_height),
        ];
        (side > 0 && picture_width > 0 && picture_height > 0).then_some(Self { taken, factor })
    }

    /// Edges are rounded, so that neighbours touch.
    fn rect(&self, corner: [f64; 2], size: [f64; 2]) -> Rect {
        let edge = |axis: usize, at: f64, start: i32, length: i32| {
            (start + (at * self.factor[axis]).round() as i32).clamp(start, start + length)
        };
        let Rect { x, y, width, height } = self.taken;
        let (left, right) = (edge(0, corner[0], x, width), edge(0, corner[0] + size[0], x, width));
        let (top, bottom) = (edge(1, corner[1], y, height), edge(1, corner[1] + size[1], y, height));
        Rect { x: left, y: top, width: right - left, height: bottom - top }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::canvas::WIDTH;

    /// A picture of 100 × 50 pixels, drawn as it is at the corner, of which the network saw the square in the middle.
    const REGION: AnalysedRegion =
        AnalysedRegion { picture_width: 100, picture_height: 50, x: 25, y: 0, side: 50 };
    const TAKEN: Rect = Rect { x: 0, y: 0, width: 100, height: 50 };

    fn pixel(rgb: &[u8], x: usize, y: usize) -> [u8; 3] {
        let at = (y * WIDTH + x) * 3;
        [rgb[at], rgb[at + 1], rgb[at + 2]]
    }

    #[test]
    fn the_cells_lie_over_the_square_that_was_seen_and_only_positive_ones_are_coloured() {
        let map = ActivationMap { label: "a".into(), rows: 2, columns: 2, values: vec![1.0, -1.0, 0.1, 0.0] };
        let mut canvas = Canvas::new();
        assert_eq!(draw_map(&mut canvas, TAKEN, REGION, &map), Some(1.0));
        let rgb = canvas.into_rgb();
        let [strong, weak] = [STEPS[4], STEPS[0]]
            .map(|(colour, cover)| colour.map(|c| (u32::from(c) * u32::from(cover) / 256) as u8));
        assert_eq!([pixel(&rgb, 25, 0), pixel(&rgb, 49, 24)], [strong; 2]);
        assert_eq!([pixel(&rgb, 25, 25), pixel(&rgb, 49, 49)], [weak; 2]);
        assert_eq!([pixel(&rgb, 24, 0), pixel(&rgb, 50, 0), pixel(&rgb, 60, 40)], [[0; 3]; 3]);
    }

    #[test]
    fn what_was_cut_off_is_hatched_and_the_rest_left_as_it_is() {
        let mut canvas = Canvas::new();
        draw_region(&mut canvas, TAKEN, REGION);
        let rgb = canvas.into_rgb();
        assert!([(0, 0), (24, 20), (75, 20), (99, 49)].iter().all(|(x, y)| pixel(&rgb, *x, *y) != [0; 3]));
        assert_eq!([pixel(&rgb, 30, 20), pixel(&rgb, 73, 40)], [[0; 3]; 2]);
        assert_eq!(pixel(&rgb, 25, 20), WHITE);
    }

    #[test]
    fn a_map_that_does_not_fill_its_rows_is_not_drawn() {
        let map = ActivationMap { label: "a".into(), rows: 7, columns: 7, values: vec![1.0; 48] };
        assert_eq!(draw_map(&mut Canvas::new(), TAKEN, REGION, &map), None);
        assert_eq!(grey(b"no picture", 512), None);
    }

    #[test]
    fn a_small_picture_is_drawn_in_whole_pixels_in_the_middle() {
        let grey = GrayImage::from_pixel(100, 50, image::Luma([200]));
        let taken = draw_picture(&mut Canvas::new(), &grey, Rect { x: 10, y: 20, width: 512, height: 512 });
        assert_eq!(taken, Rect { x: 16, y: 151, width: 500, height: 250 });
    }
}
