"""Makes fhir-r4-excerpt.schema.json of the JSON Schema of FHIR R4 that HL7 publishes: python3 fhir_r4_excerpt.py
fhir.schema.json > fhir-r4-excerpt.schema.json"""

import json
import sys

RESOURCES = ["DiagnosticReport", "ImagingStudy", "Device", "Observation"]

# Our bundle has none of these, nor the elements that extend a primitive one.
LEFT_OUT = {"extension", "modifierExtension", "contained"}

# Of cardinality 1..1 in R4. The published schema can't demand them, as an extension may stand in their place.
REQUIRED = {
    "Annotation": ["text"],
    "Bundle": ["type"],
    "Device_DeviceName": ["name", "type"],
    "Device_Version": ["value"],
    "DiagnosticReport": ["status"],
    "ImagingStudy": ["status"],
    "ImagingStudy_Instance": ["uid"],
    "ImagingStudy_Series": ["uid"],
    "Observation": ["status"],
}


def without_descriptions(node):
    if isinstance(node, dict):
        described = isinstance(node.get("description"), str)
        kept = {key: value for key, value in node.items() if not (described and key == "description")}
        return {key: without_descriptions(value) for key, value in kept.items()}
    return [without_descriptions(item) for item in node] if isinstance(node, list) else node


def named(node):
    """The definitions that a node refers to."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[1]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from named(item)


def excerpt(name, published):
    if name == "ResourceList":
        return {"oneOf": [{"$ref": f"#/definitions/{resource}"} for resource in RESOURCES]}
    definition = without_descriptions(published[name])
    if "properties" in definition:
        kept = {
            element: value
            for element, value in definition["properties"].items()
            if not element.startswith("_") and element not in LEFT_OUT
        }
        definition["properties"] = kept
        definition["type"] = "object"
        if name in REQUIRED:
            definition["required"] = sorted({*definition.get("required", []), *REQUIRED[name]})
    return definition


def main(path):
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    definitions, wanted = {}, ["Bundle"]
    while wanted:
        name = wanted.pop()
        if name not in definitions:
            definitions[name] = excerpt(name, schema["definitions"])
            wanted.extend(named(definitions[name]))
    document = {
        "$schema": schema["$schema"],
        "title": "Excerpt of the JSON Schema of FHIR R4 (4.0.1), see README.md",
        "allOf": [{"$ref": "#/definitions/Bundle"}],
        "definitions": dict(sorted(definitions.items())),
    }
    print(json.dumps(document, indent=1, ensure_ascii=False))


main(sys.argv[1])
