"""Reads the objects of a report with highdicom and pydicom and compares them with its document.

    check.py FOLDER

The folder holds report.json, report.pdf, sr.dcm, pdf.dcm and sc-1.dcm. Ends with an error if anything is amiss.
"""

import json
import math
import sys
import warnings
from pathlib import Path

import highdicom
import pydicom
from highdicom.sr import MeasurementReport, srread
from pydicom.sr.codedict import codes

# What pydicom finds odd in a value it only warns of.
warnings.simplefilter("error")
pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE


def check_report(folder, document):
    report = srread(folder / "sr.dcm")
    assert isinstance(report, highdicom.sr.Comprehensive3DSR)
    assert isinstance(report.content, MeasurementReport)
    [observer] = report.content.get_observer_contexts()
    assert observer.observer_type == codes.DCM.Device
    assert observer.observer_identifying_attributes.name == "Hilum"

    read, seen = [], set()
    for image in document["images"]:
        if "reading" in image and image["sha256"] not in seen:
            seen.add(image["sha256"])
            read.append(image)
    groups = report.content.get_image_measurement_groups()
    assert len(groups) == sum(len(image["reading"]["findings"]) for image in read)
    findings = [(image, finding) for image in read for finding in image["reading"]["findings"]]
    tracking = set()
    for group, (image, finding) in zip(groups, findings):
        meaning = group.finding_type.meaning.lower()
        assert meaning == finding["label"].replace("_", " ").lower() or group.finding_type.scheme_designator != "99HILUM"
        numbers = {item.name.value: item.value for item in group.get_measurements()}
        assert math.isclose(numbers["probability"], finding["probability"], abs_tol=1e-6)
        score = finding["operating_point_score"]
        assert ("score" in numbers) == (score is not None)
        assert score is None or math.isclose(numbers["score"], score, abs_tol=1e-6)
        relation = [item for item in group.get_qualitative_evaluations() if item.name.value == "operating-point"]
        assert [item.value.value for item in relation] == (
            [] if score is None or not image["reading"]["trained"] else ["at-or-above" if score >= 0.5 else "below"])
        model = image["reading"]["model"]
        texts = {item.name.value: item.TextValue for item in group[0].ContentSequence if item.ValueType == "TEXT"}
        assert (texts["111001"], texts["111003"]) == (model["name"], model["version"])
        tracking.add(group.tracking_uid)
    assert len(tracking) == len(groups)

    evidence = {reference[2] for reference in report.get_evidence()}
    referenced = {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in images(report)}
    assert evidence == referenced, "every image that is referred to is evidence, and the other way round"
    print(f"structured report: {len(groups)} measurement groups, {len(evidence)} images")


def images(item):
    for child in item.get("ContentSequence", []):
        if child.ValueType == "IMAGE":
            yield child
        yield from images(child)


def check_capture(folder):
    capture = pydicom.dcmread(folder / "sc-1.dcm")
    pixels = capture.pixel_array
    assert pixels.shape[1:] == (1552, 3) and pixels.shape[0] > 600 and pixels.std() > 10
    assert capture.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    print(f"capture: {pixels.shape}")


def check_pdf(folder):
    wrapped = pydicom.dcmread(folder / "pdf.dcm")
    pdf = wrapped.EncapsulatedDocument[: wrapped.EncapsulatedDocumentLength]
    assert pdf == (folder / "report.pdf").read_bytes()
    print(f"pdf: {len(pdf)} bytes, {wrapped.DocumentTitle}")


def every_element(data_set):
    """Has pydicom convert each value, which it else does only when asked."""
    for element in data_set.iterall():
        str(element.value)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    document = json.loads((folder / "report.json").read_text())
    for file in sorted(folder.glob("*.dcm")):
        every_element(pydicom.dcmread(file))
    check_report(folder, document)
    check_capture(folder)
    check_pdf(folder)
