"""Validates HL7 v2 messages strictly with hl7apy, by the tables and structures of their version.

    hl7_validate.py FILE...

Prints a line for each file: `valid`, or what is wrong with it. Values that no table of HL7 has are no errors where HL7 lets
sites have their own.
"""

import sys
from pathlib import Path

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message

for file in sys.argv[1:]:
    text = Path(file).read_bytes().decode()
    try:
        message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
        message.validate()
        print("valid" if message.to_er7() == text.rstrip("\r") else "another message when it is written again")
    except HL7apyException as error:
        print(error)
