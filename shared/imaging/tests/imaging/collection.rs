//! Every DICOM file of the sample collection beside the checkout has the pixels that pydicom gives, or is refused for
//! the reason written here.

use std::collections::BTreeMap;
use std::fs;

use hilum_imaging::RefusalCode::{
    self, MultiFrame, NoPixelData, NotMonochrome, PaletteColor, UnsupportedBitDepth,
};
use hilum_imaging::{DecodeError, Picture};

use crate::support::{beside_the_checkout, decode, files, image, pool};

/// Digests as of [`Picture::pixel_digest`], computed from what pydicom 3.0.2 decodes.
const READ: [(&str, &str); 22] = [
    ("693_J2KI.dcm", "8f32abdc372d85958cef8a9a8661065a17246dc37dc0cfe00dc4f5804d134bf4"),
    ("693_J2KR.dcm", "7b29d5b17e359bbbedcc5b51d65c1020a89e1420dcc2fa9451bbf5246afb10e3"),
    ("CT_small.dcm", "a7e7c3a01413cff1833fe262d9bd553a8057ecc0b37e5a5ac19a6400fdaa31cd"),
    ("JPEG-LL.dcm", "7c134e8d6eb6ed7fb229622cefa72da400db8bec92371d861b8740f7d1a3c8b4"),
    ("JPEG2000.dcm", "d5021886ef983bca6cf0f7652ccab83199c5d19f220c8c4d480dd0c5c445ba6b"),
    ("JPEGLSNearLossless_08.dcm", "0c69f2309fb5d31874c835947a1e7c65ab93ea904410b1fd5523f99b27fc7b47"),
    ("JPEGLSNearLossless_16.dcm", "109ec524b4f59dc99910566e7d4ca9e916d15ef9f6b4f1e8b24d56a61dc6d41d"),
    ("MR_small.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_RLE.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_expb.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_implicit.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_jp2klossless.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_jpeg_ls_lossless.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("RG1_J2KI.dcm", "8dfb64987bdb806b1b37da7befbba311b2b74be4002999d7f5fe63691975c666"),
    ("RG1_UNCR_explicit_le.dcm", "ca9523b64d90fe81ff0093d481e9197ea6ac5d8442e01eabd64ca20610007df6"),
    ("RG3_JLSL.dcm", "14541298ec1ca69c594eb7164c6f365b1b2ee8cb425565a2824ae64f20a7f4df"),
    ("RG3_JLSN.dcm", "c7889f11a99227d024651c9a0ad7e34d5a5be311cff2f088992492dd3c48cf96"),
    ("RG3_leg_J2KI.dcm", "3022b0db6c340a812a74eda218579917d9df69f987a3361f1fbddae88e420999"),
    ("ct_image.dcm", "a7e7c3a01413cff1833fe262d9bd553a8057ecc0b37e5a5ac19a6400fdaa31cd"),
    ("examples_overlay.dcm", "11a3214cab1d0914626d4e6c7c359681a2cb162c38c68d0248e1c40bd90f81ab"),
    ("image_dfl.dcm", "29122bef2113d5943973cb459018104def6570816a39410d45cd379dc9b1a525"),
    ("mlut_18.dcm", "5595717616672ed5a73867c0e3191cd9e0802a4bce7d928b6ff73eaa78bfbdbc"),
];

/// Kind of refusal and what is found in the file.
const REFUSED: [(&str, RefusalCode, &str); 23] = [
    ("GDCMJ2K_TextGBR.dcm", NotMonochrome, "YBR_RCT"),
    ("OBXXXX1A_rle.dcm", PaletteColor, "PALETTE COLOR"),
    ("SC_rgb_dcmtk_+eb+cr.dcm", NotMonochrome, "RGB"),
    ("SC_rgb_dcmtk_+eb+cy+np.dcm", NotMonochrome, "YBR_FULL_422"),
    ("SC_rgb_expb.dcm", NotMonochrome, "RGB"),
    ("SC_rgb_jls_lossy_line.dcm", NotMonochrome, "RGB"),
    ("SC_rgb_jpeg_gdcm.dcm", NotMonochrome, "RGB"),
    ("SC_rgb_rle.dcm", NotMonochrome, "RGB"),
    ("SC_rgb_rle_16bit.dcm", NotMonochrome, "RGB"),
    ("SC_rgb_rle_2frame.dcm", NotMonochrome, "RGB"),
    ("SC_rgb_small_odd.dcm", NotMonochrome, "RGB"),
    ("SC_ybr_full_422_uncompressed.dcm", NotMonochrome, "YBR_FULL_422"),
    ("emri_small.dcm", MultiFrame, "10 frames"),
    ("emri_small_RLE.dcm", MultiFrame, "10 frames"),
    ("examples_jpeg2k.dcm", NotMonochrome, "YBR_RCT"),
    ("examples_palette.dcm", PaletteColor, "PALETTE COLOR"),
    ("examples_ybr_color.dcm", NotMonochrome, "YBR_FULL_422"),
    ("liver_expb_1frame.dcm", UnsupportedBitDepth, "the header says 1 bits stored in 1"),
    ("rtdose.dcm", MultiFrame, "15 frames"),
    ("rtplan.dcm", NoPixelData, ""),
    ("sm_image_grayscale.dcm", MultiFrame, "25 frames"),
    ("test-SR.dcm", NoPixelData, ""),
    ("waveform_ecg.dcm", NoPixelData, ""),
];

/// Lossy JPEG, read with pylibjpeg-libjpeg 2.5.0, whose inverse DCT is another one: 0.4 % and 1.4 % of the pixels
/// differ, by one grey level.
const RSNA: &str = "rsna_6904_jpeg_baseline_mono2.dcm";
const JPEG_EXTENDED: &str = "JPGExtended.dcm";

/// Sums of the values in the 8 × 8 squares of 128 × 128 pixels that the reference picture consists of.
const RSNA_SQUARES: [[i64; 8]; 8] = [
    [925_571, 1_512_998, 1_682_536, 2_553_765, 2_646_087, 1_730_370, 1_404_716, 1_024_022],
    [2_677_304, 2_970_079, 2_276_991, 2_470_757, 2_752_249, 2_283_475, 2_904_945, 2_918_069],
    [3_071_742, 2_978_277, 1_688_874, 2_099_690, 3_045_223, 1_403_247, 2_851_653, 3_199_342],
    [3_058_038, 2_871_674, 1_673_712, 2_483_613, 3_320_875, 1_642_370, 2_820_542, 3_175_218],
    [2_800_640, 2_683_939, 1_923_473, 2_918_016, 3_593_189, 2_490_440, 2_705_748, 2_970_588],
    [2_187_705, 2_311_952, 2_440_806, 3_156_946, 3_649_432, 3_071_583, 2_492_233, 2_343_511],
    [1_838_628, 3_249_513, 3_618_414, 3_669_160, 3_625_947, 3_054_568, 2_330_167, 1_915_335],
    [1_677_764, 3_436_050, 3_736_444, 3_827_971, 3_822_185, 3_675_927, 3_258_503, 1_627_160],
];

fn collected() -> Option<BTreeMap<String, Vec<u8>>> {
    let paths = files(&beside_the_checkout("data")?.join("b_dicom")).into_iter();
    let named = paths
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()));
    Some(named.collect())
}

#[tokio::test]
async fn every_readable_file_has_the_pixels_of_pydicom() {
    let Some(collected) = collected() else { return };
    let pool = pool();
    for (name, expected) in READ {
        let picture = decode(&pool, &collected[name]).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(picture.pixel_digest().to_string(), expected, "{name}");
    }
}

#[tokio::test]
async fn every_other_file_is_refused_and_told_why() {
    let Some(collected) = collected() else { return };
    let pool = pool();
    for (name, code, found) in REFUSED {
        let Err(DecodeError::Refused(refusal)) = decode(&pool, &collected[name]).await else {
            panic!("{name}")
        };
        assert_eq!(refusal.code, code, "{name}");
        assert!(refusal.to_string().contains(found), "{name}: {refusal}");
    }
}

#[tokio::test]
async fn every_file_is_in_one_of_these_lists() {
    let Some(collected) = collected() else { return };
    let read = READ.iter().map(|(name, _)| *name);
    let refused = REFUSED.iter().map(|(name, ..)| *name);
    let mut listed: Vec<&str> = read.chain(refused).chain([RSNA, JPEG_EXTENDED]).collect();
    listed.sort_unstable();
    assert_eq!(listed, collected.keys().map(String::as_str).collect::<Vec<_>>());
}

fn sums_of_squares(picture: &Picture) -> [[i64; 8]; 8] {
    let mut sums = [[0; 8]; 8];
    for (at, value) in picture.samples().iter().enumerate() {
        sums[at / 1024 / 128][at % 1024 / 128] += i64::from(value);
    }
    sums
}

#[tokio::test]
async fn the_file_in_extended_jpeg_is_the_sample_that_is_compared_pixel_by_pixel() {
    let Some(collected) = collected() else { return };
    assert_eq!(collected[JPEG_EXTENDED], image(JPEG_EXTENDED));
}

/// A decoder that rounds once is more than 380 above the reference in every square.
#[tokio::test]
async fn a_chest_in_baseline_jpeg_is_as_bright_as_the_reference_all_over() {
    let Some(collected) = collected() else { return };
    let picture = decode(&pool(), &collected[RSNA]).await.unwrap();
    assert_eq!((picture.width(), picture.height(), picture.max_value()), (1024, 1024, 255));
    let sums = sums_of_squares(&picture);
    let pairs = sums.as_flattened().iter().zip(RSNA_SQUARES.as_flattened());
    assert!(pairs.into_iter().all(|(found, expected)| found.abs_diff(*expected) <= 40), "{sums:?}");
}
