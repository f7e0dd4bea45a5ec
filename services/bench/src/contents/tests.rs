//! Every kind of file can be varied, and what is made decodes to other pixels of the same size.

use std::collections::HashSet;

use super::*;

fn sample(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/images").join(name);
    std::fs::read(path).unwrap().into()
}

fn check(name: &str, kind: Kind) -> Template {
    let file = sample(name);
    let template = Template::of(&file).unwrap_or_else(|| panic!("{name} can't be varied"));
    assert_eq!(template.kind, kind, "{name}");
    template
}

fn bytes_of(template: &Template, number: u64) -> Vec<u8> {
    template.content(0, number).pieces().concat()
}

#[test]
fn every_png_made_of_one_has_another_picture_that_differs_in_four_pixels() {
    let file = sample("mhh_5f619d7e.png");
    let template = check("mhh_5f619d7e.png", Kind::Png);
    let first = image::load_from_memory(&file).unwrap();
    assert_eq!(image::load_from_memory(&bytes_of(&template, 0)).unwrap(), first);
    let mut seen = HashSet::new();
    for number in (1..=40).chain(256..=280).chain([65_536, 1 << 24]) {
        let picture = image::load_from_memory(&bytes_of(&template, number)).unwrap();
        let differ = picture.as_bytes().iter().zip(first.as_bytes()).filter(|(a, b)| a != b).count();
        assert!((1..=4).contains(&differ), "{number}: {differ}");
        assert!(seen.insert(picture.into_bytes()), "{number} came twice");
    }
}

#[test]
fn a_jpeg_has_other_pixels_for_each_number() {
    for name in ["mhh_90070cbc_gray_q40.jpg", "mhh_19073f37_rgb420_q85.jpg"] {
        let template = check(name, Kind::Jpeg);
        assert_eq!(bytes_of(&template, 0), sample(name));
        let pictures = (1..=24).map(|number| image::load_from_memory(&bytes_of(&template, number)).unwrap());
        let different: HashSet<_> = pictures.map(image::DynamicImage::into_bytes).collect();
        assert_eq!(different.len(), 24, "{name}");
    }
}

#[test]
fn an_uncompressed_dicom_differs_in_its_first_pixels_only() {
    let file = sample("chest_mhh_19073f37.dcm");
    let template = check("chest_mhh_19073f37.dcm", Kind::Dicom);
    assert_eq!(bytes_of(&template, 0), file);
    let different: HashSet<_> = (1..=1000).map(|number| bytes_of(&template, number)).collect();
    assert_eq!(different.len(), 1000);
    let (start, _) = (template.before.len(), template.after.len());
    for made in different {
        assert_eq!(made.len(), file.len());
        assert_eq!((&made[..start], &made[start + 8..]), (&file[..start], &file[start + 8..]));
    }
}

#[test]
fn what_is_damaged_or_lossless_within_is_left_out() {
    for name in ["broken_data_stream.png", "basn3p08.png", "chest_mhh_5f619d7e_jpegls.dcm", "rtplan.dcm"] {
        assert!(Template::of(&sample(name)).is_none(), "{name}");
    }
}

#[test]
fn a_lossy_jpeg_2000_carries_the_number_in_its_quantisation_steps() {
    let template = check("JPEG2000-embedded-sequence-delimiter.dcm", Kind::DicomJ2k);
    let different: HashSet<_> = (1..=1000).map(|number| bytes_of(&template, number)).collect();
    assert_eq!(different.len(), 1000);
}

#[test]
fn the_files_take_turns_and_no_picture_comes_twice() {
    let files = ["mhh_5f619d7e.png", "mhh_90070cbc_gray_q40.jpg", "chest_mhh_19073f37.dcm"];
    let templates = files.iter().filter_map(|name| Template::of(&sample(name))).collect();
    let contents = Contents::with(templates).unwrap();
    let given: Vec<_> = (0..300).map(|_| contents.next()).collect();
    assert_eq!(given[..4].iter().map(|content| content.template).collect::<Vec<_>>(), [0, 1, 2, 0]);
    let different: HashSet<_> = given.iter().map(|content| content.pieces().concat()).collect();
    assert_eq!(different.len(), 300);
    let fewer = contents.keep(&[false, true, false]).unwrap();
    assert_eq!((fewer.templates(), fewer.kinds()), (1, BTreeMap::from([(Kind::Jpeg, 1)])));
}
