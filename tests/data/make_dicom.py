"""Writes the two chest DICOM instances of tests/data/images, the same bytes on every run.

    pip install numpy pillow pydicom==3.0.2 pyjpegls==1.5.1
    python tests/data/make_dicom.py

Both hold the pixels of a PNG beside them, belong to one study and carry no person: the patient's name is a
canary, so that a test can look for it wherever nothing of a patient may appear.
"""

import uuid
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, JPEGLSLossless

IMAGES = Path(__file__).parent / "images"
CANARY = "CANARY^DONOTLEAK"


def uid(*names):
    """A UID below 2.25 that depends on the names alone."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '/'.join(['hilum sample', *names])).int}"


def instance(png, number):
    pixels = np.asarray(Image.open(IMAGES / png))
    assert pixels.dtype == np.uint8 and pixels.ndim == 2
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = uid("instance", png)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = uid("implementation")
    data = FileDataset(None, Dataset(), preamble=b"\0" * 128, file_meta=meta)
    data.SpecificCharacterSet = "ISO_IR 100"
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID = uid("study")
    data.SeriesInstanceUID = uid("series")
    data.Modality = "CR"
    data.BodyPartExamined = "CHEST"
    data.PatientName = CANARY
    data.PatientID = ""
    data.InstanceNumber = number
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    data.PixelRepresentation = 0
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OB"
    return data


if __name__ == "__main__":
    instance("mhh_19073f37.png", 1).save_as(IMAGES / "chest_mhh_19073f37.dcm", enforce_file_format=True)
    compressed = instance("mhh_5f619d7e.png", 2)
    compressed.compress(JPEGLSLossless, generate_instance_uid=False)
    compressed.save_as(IMAGES / "chest_mhh_5f619d7e_jpegls.dcm", enforce_file_format=True)
