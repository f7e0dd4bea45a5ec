"""Writes the files of tests/data/hostile, the same bytes on every run. Only the standard library is needed.

    python tests/data/make_hostile.py

Each claims, nests, repeats or refers to more than there is, in the manner of a published fault of some reader. None
holds anything of a person. What must become of each stands in hostile.json.
"""

import struct
import zlib
from pathlib import Path

FOLDER = Path(__file__).parent / "hostile"

IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
JPEG, JPEG_LS, JPEG_2000 = (f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 80, 90))
UNDEFINED = 0xFFFFFFFF


def element(group, number, vr, value):
    """Of explicit VR, little endian."""
    value = value.encode() if isinstance(value, str) else value
    value += (b" " if vr in ("CS", "DS", "IS", "LO") else b"\0") * (len(value) % 2)
    head = struct.pack("<HH", group, number) + vr.encode()
    if vr in ("OB", "OW", "SQ", "UN"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def words(group, number, *values):
    return element(group, number, "US", struct.pack(f"<{len(values)}H", *values))


def meta(syntax):
    group = element(2, 0x10, "UI", syntax)
    return b"\0" * 128 + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(group))) + group


def header(rows=32, columns=32, bits=8, photometry="MONOCHROME2", more=b""):
    """Up to the pixel data. `more` are elements behind (0028,0103)."""
    ids = [(8, 0x16, "1.2.840.10008.5.1.4.1.1.1.1"), (8, 0x18, "2.25.1")]
    uids = b"".join(element(group, number, "UI", uid) for group, number, uid in ids)
    text = element(8, 0x60, "CS", "DX") + element(0x18, 0x15, "CS", "CHEST")
    study = element(0x20, 0xD, "UI", "2.25.2") + element(0x20, 0xE, "UI", "2.25.3")
    shape = words(0x28, 2, 1) + element(0x28, 4, "CS", photometry) + words(0x28, 0x10, rows)
    shape += words(0x28, 0x11, columns) + words(0x28, 0x100, bits) + words(0x28, 0x101, bits)
    shape += words(0x28, 0x102, bits - 1) + words(0x28, 0x103, 0)
    return uids + text + study + shape + more


def native(pixels=b"\x55" * 1024, syntax=EXPLICIT, **claims):
    return meta(syntax) + header(**claims) + element(0x7FE0, 0x10, "OB", pixels)


def item(content, length=None):
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content) if length is None else length) + content


def encapsulated(syntax, *fragments, offsets=b"", **claims):
    head = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, UNDEFINED)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    fragments = b"".join(item(fragment + b"\0" * (len(fragment) % 2)) for fragment in fragments)
    return meta(syntax) + header(**claims) + head + item(offsets) + fragments + end


def nested(levels):
    sequence = struct.pack("<HH2sHI", 8, 0x1140, b"SQ", 0, UNDEFINED)
    return meta(EXPLICIT) + (sequence + item(b"", UNDEFINED)) * levels


def deflated(megabytes):
    packer = zlib.compressobj(9, wbits=-15)
    data = struct.pack("<HH2sHI", 9, 0x1010, b"OB", 0, megabytes << 20) + b"\0" * (megabytes << 20)
    return meta(DEFLATED) + packer.compress(data) + packer.flush()


def lut(descriptor, entries):
    """A VOI LUT sequence of one item."""
    content = words(0x28, 0x3002, *descriptor) + element(0x28, 0x3006, "OW", entries)
    return element(0x28, 0x3010, "SQ", item(content))


def window(center, width):
    return element(0x28, 0x1050, "DS", center) + element(0x28, 0x1051, "DS", width)


def png(width, height, bits=8, colour=0, interlaced=0, chunks=(), data=b""):
    def chunk(kind, content, length=None):
        length = len(content) if length is None else length
        return struct.pack(">I", length) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    middle = b"".join(chunk(*parts) for parts in chunks)
    whole = chunk(b"IHDR", head) + middle + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + whole


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


# One code of one bit for zero in each table: a scan of zero bits is a grey picture.
TABLES = segment(0xDB, b"\0" + b"\1" * 64) + b"".join(
    segment(0xC4, bytes([table]) + b"\1" + b"\0" * 15 + b"\0") for table in (0x00, 0x10)
)


def jpeg(width, height, scan=b"\0" * 64, frame=0xC0, components=1, scans=1, tables=TABLES):
    parts = b"".join(bytes([number + 1, 0x11, 0]) for number in range(components))
    head = segment(frame, struct.pack(">BHHB", 8, height, width, components) + parts)
    first = segment(0xDA, bytes([1, 1, 0, 0, 0 if frame == 0xC2 else 63, 0])) + scan
    # Of a progressive JPEG: nothing but an end-of-band run, again and again.
    later = segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + scan
    return b"\xff\xd8" + tables + head + first + later * (scans - 1) + b"\xff\xd9"


def jpeg_ls(width, height, bits=8, scan=b"\0" * 64):
    head = segment(0xF7, struct.pack(">BHHB", bits, height, width, 1) + b"\1\x11\0")
    return b"\xff\xd8" + head + segment(0xDA, b"\1\1\0\0\0\0") + scan + b"\xff\xd9"


def jpeg_2000(width, height, tile=(64, 64), components=1, levels=5, block=(4, 4), tiles=b""):
    sizes = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, *tile, 0, 0, components)
    head = segment(0x51, sizes + b"\7\1\1" * components)
    coding = segment(0x52, bytes([0, 0, 0, 1, 0, levels, *block, 0, 1]))
    quantisation = segment(0x5C, bytes([0x40] + [0x40] * (3 * min(levels, 32) + 1)))
    return b"\xff\x4f" + head + coding + quantisation + tiles + b"\xff\xd9"


def tile_part(number, length, parts=1, content=b""):
    return segment(0x90, struct.pack(">HIBB", number, length, 0, parts)) + b"\xff\x93" + content


RLE_BEYOND = struct.pack("<16I", 15, 64, *[0xFFFFFF00] * 14) + b"\x81\x55" * 64
HUGE_RUN = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x55" * 4000

FILES = {
    # Structure.
    "nested_sequences.dcm": nested(1000),
    "length_beyond_the_end.dcm": meta(EXPLICIT) + struct.pack("<HH2sHI", 9, 0x1010, b"OB", 0, 0xFFFFFFF0) + b"abc",
    "text_length_beyond_the_end.dcm": meta(EXPLICIT) + struct.pack("<HH2sHI", 8, 0x119, b"UC", 0, 0x7FFFFFFE) + b"x",
    "length_beyond_the_end_in_an_item.dcm": meta(IMPLICIT) + struct.pack("<HHI", 8, 0x1140, UNDEFINED)
    + item(struct.pack("<HHI", 8, 0x119, 0xFFFFFFF0), UNDEFINED) + b"x" * 64,
    "meta_length_beyond_the_end.dcm": b"\0" * 128 + b"DICM" + element(2, 0, "UL", b"\xff\xff\xff\xff"),
    "item_length_beyond_the_end.dcm": meta(EXPLICIT) + header() + struct.pack(
        "<HH2sHI", 0x7FE0, 0x10, b"OB", 0, UNDEFINED) + item(b"", 0xFFFFFFFE),
    "many_empty_items.dcm": meta(EXPLICIT) + struct.pack(
        "<HH2sHI", 8, 0x1140, b"SQ", 0, UNDEFINED) + item(b"") * 1500,
    "deflate_bomb.dcm": deflated(8),
    "no_transfer_syntax_known.dcm": native(syntax="1.2.3.4.5.6.7.8.9"),
    # Sizes.
    "pixels_beyond_the_end.dcm": native(b"\0" * 4, rows=65535, columns=65535),
    "largest_allowed_with_four_bytes.dcm": native(b"\0" * 4, rows=10000, columns=10000, bits=16),
    "many_frames.dcm": native(more=element(0x28, 8, "IS", "2147483647")),
    "frames_are_no_number.dcm": native(more=element(0x28, 8, "IS", "1e9999")),
    "no_bits.dcm": native(bits=8).replace(words(0x28, 0x101, 8), words(0x28, 0x101, 0)),
    "high_bit_65535.dcm": native().replace(words(0x28, 0x102, 7), words(0x28, 0x102, 65535)),
    # Tables.
    "lut_shorter_than_it_says.dcm": native(more=lut((0, 0, 16), b"\1\0" * 3)),
    "lut_of_no_bits.dcm": native(more=lut((4, 0, 0), b"\1\0" * 4)),
    "window_of_no_number.dcm": native(more=window("NaN", "inf")),
    "window_beyond_all_numbers.dcm": native(more=window("1e308", "1e308")),
    "rescale_beyond_all_numbers.dcm": native(
        more=element(0x28, 0x1052, "DS", "-1e308") + element(0x28, 0x1053, "DS", "1e308")),
    "palette.dcm": native(photometry="PALETTE COLOR", more=words(0x28, 0x1101, 0, 65535, 16)),
    # Codestreams.
    "rle_offsets_beyond_the_end.dcm": encapsulated(RLE, RLE_BEYOND),
    "rle_more_than_the_picture.dcm": encapsulated(RLE, HUGE_RUN),
    "rle_header_cut.dcm": encapsulated(RLE, b"\1\0\0\0\x40"),
    "no_fragments.dcm": encapsulated(JPEG),
    "offsets_beyond_the_end.dcm": encapsulated(JPEG, jpeg(32, 32), offsets=b"\xf0\xff\xff\xff" * 4),
    "jpeg_of_another_size.dcm": encapsulated(JPEG, jpeg(65500, 65500)),
    "jpeg_without_tables.dcm": encapsulated(JPEG, jpeg(32, 32, tables=b"")),
    "jpeg_ls_of_another_size.dcm": encapsulated(JPEG_LS, jpeg_ls(65535, 65535)),
    "jpeg_ls_of_16_bits_in_8.dcm": encapsulated(JPEG_LS, jpeg_ls(32, 32, bits=16)),
    "jpeg_ls_of_nothing.dcm": encapsulated(JPEG_LS, jpeg_ls(32, 32, scan=b"")),
    "jpeg_2000_of_another_size.dcm": encapsulated(JPEG_2000, jpeg_2000(2**31, 2**31)),
    "jpeg_2000_of_single_pixel_tiles.dcm": encapsulated(JPEG_2000, jpeg_2000(32, 32, tile=(1, 1))),
    "jpeg_2000_of_no_tile.dcm": encapsulated(JPEG_2000, jpeg_2000(32, 32, tile=(0, 0))),
    "jpeg_2000_of_255_levels.dcm": encapsulated(JPEG_2000, jpeg_2000(32, 32, levels=255)),
    "jpeg_2000_of_huge_blocks.dcm": encapsulated(JPEG_2000, jpeg_2000(32, 32, block=(250, 250))),
    "jpeg_2000_of_2048_components.dcm": encapsulated(JPEG_2000, jpeg_2000(32, 32, components=2048)),
    "jpeg_2000_tile_beyond_the_last.dcm": encapsulated(
        JPEG_2000, jpeg_2000(32, 32, tiles=tile_part(65534, 0xFFFFFFF0, 255, b"\x80" * 64))),
    "jpeg_2000_of_noise.dcm": encapsulated(
        JPEG_2000, jpeg_2000(32, 32, tiles=tile_part(0, 0, 1, bytes(range(7, 250)) * 8))),
    # JPEG.
    "size_65535.jpg": jpeg(65535, 65535),
    "size_zero.jpg": jpeg(0, 0),
    "largest_allowed_of_nothing.jpg": jpeg(10000, 10000),
    "1400_scans.jpg": jpeg(4096, 4096, scan=b"\0", frame=0xC2, scans=1400),
    "255_components.jpg": jpeg(32, 32, components=255),
    "no_tables.jpg": jpeg(32, 32, tables=b""),
    "arithmetic.jpg": jpeg(32, 32, frame=0xC9),
    # PNG.
    "size_2147483647.png": png(0x7FFFFFFF, 0x7FFFFFFF),
    "size_zero.png": png(0, 0),
    "largest_allowed_of_nothing.png": png(10000, 10000, bits=16, colour=6),
    "text_bomb.png": png(8, 8, chunks=[(b"zTXt", b"x\0\0" + zlib.compress(b"\0" * (4 << 20), 9))], data=b"\0" * 72),
    "profile_bomb.png": png(8, 8, chunks=[(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * (4 << 20), 9))], data=b"\0" * 72),
    "data_bomb.png": png(8, 8, data=b"\0" * (4 << 20)),
    "palette_index_beyond_the_end.png": png(8, 8, colour=3, chunks=[(b"PLTE", b"\1\2\3")], data=b"\0\xff\xff" * 24),
    "chunk_length_beyond_the_end.png": png(8, 8, chunks=[(b"tEXt", b"x", 0x7FFFFFFF)], data=b"\0" * 72),
    "bits_of_no_kind.png": png(8, 8, bits=7, data=b"\0" * 72),
    "interlaced_cut.png": png(4096, 4096, bits=1, interlaced=1, data=b"\0" * 10),
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in FILES.items():
        (FOLDER / name).write_bytes(content)
