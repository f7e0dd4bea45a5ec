"""Writes tests/data/windows: every 12-bit value once, under the windows and look-up tables that DICOM knows.

    pip install numpy pillow pydicom==3.0.2 pylibjpeg==2.1.0 pylibjpeg-libjpeg==2.5.0 pylibjpeg-openjpeg==2.6.0 \
        pyjpegls==1.5.1 python-gdcm==3.2.6
    python tests/data/make_windows.py [more DICOM files]

Prints for each file, and for those named, the digest of the picture that pydicom's `apply_modality_lut` and
`apply_voi_lut` make of it, scaled to 0..65535 and turned over if it is MONOCHROME1. Where a header names neither window
nor VOI LUT, what is scaled is the range that the stored bits, or the modality LUT, allow.
"""

import hashlib
import struct
import sys
from pathlib import Path

import jpeg_ls
import numpy as np
from make_encodings import instance
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless

FOLDER = Path(__file__).parent / "windows"


def table(first, bits, entries):
    item = Dataset()
    item.LUTDescriptor = [len(entries) % 65536, first, bits]
    item.LUTData = np.asarray(entries, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    return [item]


def curve(count, bits):
    """Rises, stays and falls again."""
    turn = np.sin(np.arange(count) / count * 2.5)
    return np.round(turn * (2**bits - 1)).astype(int)


def window(center, width, function=None):
    elements = {"WindowCenter": center, "WindowWidth": width}
    return elements | ({"VOILUTFunction": function} if function else {})


def rescale(slope, intercept):
    return {"RescaleSlope": slope, "RescaleIntercept": intercept}


UNSIGNED, SIGNED = "<u2", "<i2"
CASES = {
    "linear": (UNSIGNED, window("2000.5", "1000")),
    "linear_of_one": (UNSIGNED, window("2000", "1")),
    "first_of_two": (UNSIGNED, window(["450", "200"], ["790", "443"])),
    "linear_exact": (UNSIGNED, window("2000", "1001.3", "LINEAR_EXACT")),
    "sigmoid": (UNSIGNED, window("1800", "900", "SIGMOID")),
    "rescaled_window": (SIGNED, rescale("0.5", "-300.25") | window("-50", "400")),
    "rescale_alone": (SIGNED, rescale("2", "-1024")),
    "negative_slope": (SIGNED, rescale("-1.5", "100")),
    "modality_lut_alone": (SIGNED, {"ModalityLUTSequence": table(-1000, 16, curve(3000, 16))}),
    "modality_lut_window": (UNSIGNED, {"ModalityLUTSequence": table(100, 8, curve(900, 8))} | window("100", "80")),
    "voi_lut": (UNSIGNED, {"VOILUTSequence": table(500, 12, curve(1024, 12))} | window("2000", "1000")),
    "voi_lut_8_bit_signed": (SIGNED, {"VOILUTSequence": table(-700, 8, curve(900, 8))}),
    "voi_lut_implicit": (SIGNED, {"VOILUTSequence": table(-700, 10, curve(900, 10))}),
    "voi_lut_rescaled": (SIGNED, rescale("0.25", "-20.5") | {"VOILUTSequence": table(-300, 16, curve(500, 16))}),
}


def write(name, dtype, elements):
    first = -2048 if dtype == SIGNED else 0
    pixels = np.arange(first, first + 4096).astype(dtype).reshape(64, 64)
    photometric = "MONOCHROME1" if name in ("linear", "voi_lut") else "MONOCHROME2"
    implicit = name.endswith("implicit")
    data = instance(name, ImplicitVRLittleEndian if implicit else JPEGLSLossless, pixels, 12, photometric)
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    # JPEG-LS knows no sign: what is stored are the lowest 12 bits.
    words = pixels.view("<u2") & 4095
    data.PixelData = words.tobytes() if implicit else encapsulate([bytes(jpeg_ls.encode_array(words))])
    data["PixelData"].VR = "OW" if implicit else "OB"
    data.save_as(FOLDER / f"{name}.dcm", enforce_file_format=True)


def digest(path):
    data = dcmread(path)
    stored = data.pixel_array
    values = apply_modality_lut(stored, data)
    half = 2 ** (data.BitsStored - 1)
    low, high = (-half, half - 1) if data.PixelRepresentation else (0, 2 * half - 1)
    if "VOILUTSequence" in data:
        descriptor = data.VOILUTSequence[0].LUTDescriptor
        low, high = 0, 2 ** descriptor[2] - 1
        # Of a table of 8 bits, pydicom 3.0.2 keeps the positions in 8 bits, too, where they overflow.
        data.VOILUTSequence[0].LUTDescriptor = [descriptor[0], descriptor[1], max(descriptor[2], 10)]
    elif "ModalityLUTSequence" in data:
        low, high = 0, 2 ** data.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    elif "RescaleSlope" in data:
        ends = [end * float(data.RescaleSlope) + float(data.RescaleIntercept) for end in (low, high)]
        low, high = ends if "WindowWidth" in data else sorted(ends)
    shown = apply_voi_lut(values, data)
    scaled = np.floor((shown.astype(float) - low) / (high - low) * 65535 + 0.5).astype("<u2")
    if data.PhotometricInterpretation == "MONOCHROME1":
        scaled = 65535 - scaled
    rows, columns = scaled.shape
    head = b"hilum-picture-2\0" + struct.pack("<IIIB", columns, rows, 65535, 0)
    return hashlib.sha256(head + scaled.tobytes()).hexdigest(), scaled


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, (dtype, elements) in CASES.items():
        write(name, dtype, elements)
    for path in [FOLDER / f"{name}.dcm" for name in CASES] + [Path(name) for name in sys.argv[1:]]:
        print(f'("{path.name}", "{digest(path)[0]}"),')
