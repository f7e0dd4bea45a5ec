"""Writes tests/data/encodings: three small pictures in every encoding that is read, the same bytes on every run.

    pip install numpy pillow pydicom==3.0.2 pylibjpeg==2.1.0 pylibjpeg-libjpeg==2.5.0 pylibjpeg-openjpeg==2.6.0 \
        pyjpegls==1.5.1 python-gdcm==3.2.6
    python tests/data/make_encodings.py

All show the chest of mhh_19073f37.png in 95 x 79 pixels, odd both ways so that padding is needed: `grey8` with 8 bits,
`grey12` with 12 bits in 16 and black as its largest value (MONOCHROME1), `signed16` with 16 bits and negative values.
Every lossless file is decoded again with pydicom before it is kept. Decoders differ in what they make of lossy JPEG:
`grey8_jpeg_decoded.png`, and `JPGExtended_decoded.png` for that file in images/, hold what pydicom makes of it with
pylibjpeg.
"""

import io
import struct
from pathlib import Path

import jpeg_ls
import numpy as np
from make_dicom import CANARY, IMAGES, uid
from openjpeg.utils import encode_array
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)

FOLDER = Path(__file__).parent / "encodings"
NATIVE = {
    "implicit": ImplicitVRLittleEndian,
    "explicit": ExplicitVRLittleEndian,
    "big_endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
}


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def lossless_jpeg(samples, bits, predictor):
    """ITU-T T.81 process 14 with one Huffman table, in which the seventeen categories have five bits each."""
    height, width = samples.shape
    lengths = bytes([0, 0, 0, 0, 17] + [0] * 11)
    head = b"\xff\xd8" + segment(0xC3, struct.pack(">BHHB", bits, height, width, 1) + b"\1\x11\0")
    head += segment(0xC4, b"\0" + lengths + bytes(range(17))) + segment(0xDA, b"\1\1\0" + bytes([predictor, 0, 0]))
    at = samples.astype(int).tolist()
    scan = []
    for y in range(height):
        for x in range(width):
            a = at[y][x - 1] if x else 0
            b, c = (at[y - 1][x], at[y - 1][x - 1] if x else 0) if y else (0, 0)
            if x and y:
                predicted = [a, b, c, a + b - c, a + ((b - c) >> 1), b + ((a - c) >> 1), (a + b) >> 1][predictor - 1]
            else:
                predicted = a if x else b if y else 1 << (bits - 1)
            difference = (at[y][x] - predicted + 32767) % 65536 - 32767
            category = abs(difference).bit_length()
            scan.append(f"{category:05b}")
            if 0 < category < 16:
                value = difference if difference > 0 else difference + (1 << category) - 1
                scan.append(f"{value:0{category}b}")
    stream = "".join(scan)
    stream += "1" * (-len(stream) % 8)
    coded = int(stream, 2).to_bytes(len(stream) // 8, "big")
    return head + coded.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


def instance(name, syntax, pixels, bits, photometric):
    """As in make_dicom, without pixel data."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = uid("encoding", name)
    meta.ImplementationClassUID = uid("implementation")
    form = {"is_implicit_VR": syntax == ImplicitVRLittleEndian, "is_little_endian": syntax != ExplicitVRBigEndian}
    data = FileDataset(None, Dataset(), preamble=b"\0" * 128, file_meta=meta, **form)
    data.SpecificCharacterSet = "ISO_IR 100"
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID = uid("encodings")
    data.SeriesInstanceUID = uid("encodings", "series")
    data.Modality = "DX"
    data.BodyPartExamined = "CHEST"
    data.ViewPosition = "AP"
    data.PatientName = CANARY
    data.PatientID = ""
    data.NumberOfFrames = 1
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = photometric
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated = pixels.dtype.itemsize * 8
    data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    return data


def keep(data, name, pixel_data, representation):
    data.PixelData = pixel_data
    data["PixelData"].VR = representation
    data.save_as(FOLDER / f"{name}.dcm", enforce_file_format=True)


def decoded(path):
    data = dcmread(path)
    if data.file_meta.TransferSyntaxUID in (JPEGBaseline8Bit, JPEGExtended12Bit):
        data.pixel_array_options(decoding_plugin="pylibjpeg")
    return data.pixel_array


def write_lossless(picture, pixels, bits, photometric):
    words = pixels.view(f"<u{pixels.dtype.itemsize}")

    def write(encoding, syntax, pixel_data, representation="OB"):
        name = f"{picture}_{encoding}"
        keep(instance(name, syntax, pixels, bits, photometric), name, pixel_data, representation)
        assert np.array_equal(decoded(FOLDER / f"{name}.dcm"), pixels), name

    padded = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    for encoding, syntax in NATIVE.items():
        swapped = syntax == ExplicitVRBigEndian and pixels.itemsize == 2
        stored = pixels.byteswap().tobytes() if swapped else padded
        write(encoding, syntax, stored, "OB" if pixels.itemsize == 1 else "OW")
    if pixels.itemsize == 1:
        pairs = np.frombuffer(padded, "<u2").byteswap().tobytes()
        write("big_endian_words", ExplicitVRBigEndian, pairs, "OW")
    rle = get_encoder(RLELossless).encode(pixels, **describe(pixels, bits, photometric), encoding_plugin="pydicom")
    write("rle", RLELossless, encapsulate([rle]))
    for predictor in range(2, 8):
        if picture == "grey8" or predictor == 6:
            frame = lossless_jpeg(words, bits, predictor)
            write(f"jpeg_lossless_{predictor}", JPEGLossless, encapsulate([frame]))
    write("jpeg_lossless_sv1", JPEGLosslessSV1, encapsulate([lossless_jpeg(words, bits, 1)]))
    write("jpeg_ls", JPEGLSLossless, encapsulate([bytes(jpeg_ls.encode_array(words))], fragments_per_frame=2))
    write("jpeg_2000", JPEG2000Lossless, encapsulate([encode_array(pixels, bits_stored=bits)], has_bot=False))


def describe(pixels, bits, photometric):
    return {
        "rows": pixels.shape[0],
        "columns": pixels.shape[1],
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "bits_allocated": pixels.itemsize * 8,
        "bits_stored": bits,
        "pixel_representation": int(pixels.dtype.kind == "i"),
        "photometric_interpretation": photometric,
    }


def write_lossy(picture, pixels, bits, photometric):
    def write(encoding, syntax, frame):
        name = f"{picture}_{encoding}"
        keep(instance(name, syntax, pixels, bits, photometric), name, encapsulate([frame]), "OB")
        found = decoded(FOLDER / f"{name}.dcm")
        assert 0 < np.abs(found.astype(int) - pixels).max() < 0.2 * 2**bits, name
        return found

    write("jpeg_ls_near", JPEGLSNearLossless, bytes(jpeg_ls.encode_array(pixels, lossy_error=3)))
    write("jpeg_2000_lossy", JPEG2000, encode_array(pixels, bits_stored=bits, compression_ratios=[5]))
    if bits == 8:
        jpeg = io.BytesIO()
        Image.fromarray(pixels).save(jpeg, "JPEG", quality=85)
        baseline = jpeg.getvalue()
        frame = baseline.index(b"\xff\xc0")
        extended = baseline[:frame] + b"\xff\xc1" + baseline[frame + 2 :]
        first = write("jpeg_baseline", JPEGBaseline8Bit, baseline)
        assert np.array_equal(first, write("jpeg_extended", JPEGExtended12Bit, extended))
        Image.fromarray(first).save(FOLDER / f"{picture}_jpeg_decoded.png")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    chest = Image.open(IMAGES / "mhh_19073f37.png").resize((95, 79), Image.Resampling.BOX)
    grey8 = np.asarray(chest)
    fine = Image.open(IMAGES / "mhh_19073f37.png").convert("F").resize((95, 79), Image.Resampling.BOX)
    grey12 = 4095 - np.round(np.asarray(fine) * 16).astype("<u2")
    signed16 = (np.round(np.asarray(fine) * 250) - 31000).astype("<i2")
    Image.fromarray(grey8).save(FOLDER / "grey8.png")
    pictures = [
        ("grey8", grey8, 8, "MONOCHROME2"),
        ("grey12", grey12, 12, "MONOCHROME1"),
        ("signed16", signed16, 16, "MONOCHROME2"),
    ]
    for picture in pictures:
        write_lossless(*picture)
        if picture[0] != "signed16":
            write_lossy(*picture)
    extended = decoded(IMAGES / "JPGExtended.dcm")
    Image.fromarray(extended).save(FOLDER / "JPGExtended_decoded.png")
