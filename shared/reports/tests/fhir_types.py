"""Reads FHIR bundles with the types of fhir.resources (R4B, whose five resources here are those of R4).

    fhir_types.py FILE...

Ends with an error if a type does not take a file, or would lose or change an element of it.
"""

import json
import sys
from pathlib import Path

from fhir.resources.R4B.bundle import Bundle

for file in sys.argv[1:]:
    text = Path(file).read_text()
    bundle = Bundle.model_validate_json(text)
    assert json.loads(bundle.model_dump_json()) == json.loads(text), f"{file} is another bundle when it is written again"
    print(f"{len(bundle.entry)} resources")
