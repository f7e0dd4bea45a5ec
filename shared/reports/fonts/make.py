"""Makes the two faces of this folder from Pretendard 1.3.9; see README.md. Usage: make.py FOLDER_WITH_OTF_FILES"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FACES = {"Regular": "Pretendard-Regular.otf", "Bold": "Pretendard-Bold.otf"}
# Pretendard is a reserved name: what is made of it must have another (OFL, condition 3).
FAMILY = "Hilum Sans"
PUNCTUATION = "‘’“”–—…•·×−±≤≥→▲□"
NAMES_KEPT = {0, 7, 8, 9, 13, 14}


def characters() -> set[int]:
    latin = set(range(0x20, 0x7F)) | set(range(0xA0, 0x100))
    letters = set(range(0x3131, 0x3164))
    rows = range(0xB0, 0xC9)
    syllables = {ord(bytes([row, cell]).decode("euc_kr")) for row in rows for cell in range(0xA1, 0xFF)}
    assert len(syllables) == 2350
    return latin | letters | syllables | {ord(mark) for mark in PUNCTUATION}


def digits_of_one_width(font: TTFont) -> None:
    """Columns of numbers line up although nothing here shapes text: the tabular digits take the place of the others."""
    table = font["GSUB"].table
    lookups = {
        index
        for record in table.FeatureList.FeatureRecord
        if record.FeatureTag == "tnum"
        for index in record.Feature.LookupListIndex
    }
    swaps = {}
    for index in sorted(lookups):
        for found in table.LookupList.Lookup[index].SubTable:
            swaps.update(getattr(getattr(found, "ExtSubTable", found), "mapping", {}))
    # Tables can share what they map, hence a glyph that was swapped already stays.
    for cmap in font["cmap"].tables:
        for code in range(ord("0"), ord("9") + 1):
            if code in cmap.cmap:
                cmap.cmap[code] = swaps.get(cmap.cmap[code], cmap.cmap[code])


def rename(font: TTFont, style: str) -> None:
    postscript = f"{FAMILY.replace(' ', '')}-{style}"
    names = font["name"]
    names.names = [name for name in names.names if name.nameID in NAMES_KEPT and name.langID == 0x409]
    texts = {1: FAMILY, 2: style, 3: f"{postscript} 1", 4: f"{FAMILY} {style}", 6: postscript}
    for number, text in texts.items():
        names.setName(text, number, 3, 1, 0x409)
    cff = font["CFF "].cff
    cff.fontNames = [postscript]
    top = cff.topDictIndex[0]
    for field, text in {"FullName": f"{FAMILY} {style}", "FamilyName": FAMILY}.items():
        if hasattr(top, field):
            setattr(top, field, text)
    for part in top.FDArray:
        part.FontName = postscript


def main(folder: Path) -> None:
    for style, source in FACES.items():
        font = TTFont(folder / source, recalcTimestamp=False)
        digits_of_one_width(font)
        options = subset.Options(layout_features=[], hinting=False, desubroutinize=False, name_IDs=["*"])
        options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "vhea", "vmtx", "VORG"]
        options.notdef_outline = True
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=characters())
        subsetter.subset(font)
        rename(font, style)
        font.save(Path(__file__).with_name(f"HilumSans-{style}.otf"))


main(Path(sys.argv[1]))
