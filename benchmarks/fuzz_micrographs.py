"""Damage pictures, side files and drawn bars at random and look for anything but a micrograph or the one error.

    python benchmarks/fuzz_micrographs.py [N per format] [seed] [format ...]

Prints, per format, how many damaged files were read, refused, and what was found: another exception, more than 5 s
of CPU, more than 1 GB, a scale other than that of the whole file although the damage shows. A digit that became
another digit does not show, nor does a bar that lost an end. A reader that refuses every bar would pass too: so after
the drawn bars it counts how many of 504 whole ones, with their labels, are recognised.
"""

import base64
import collections
import functools
import io
import itertools
import os
import resource
import struct
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path

import numpy as np
import tifffile
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from microplastic_aging.micrographs.core import Micrograph, read_micrograph
from microplastic_aging.micrographs.pixels import MicrographFormatError
from microplastic_aging.micrographs.scalebar import find_scale_bar

SECONDS, GIGABYTE = 5.0, 1 << 30
BAR_UM = 10.0  # Length of a drawn bar, µm
SAME = 0.05  # Two scales within this ratio are the same
KEEP = Path(os.environ["FUZZ_KEEP"]) if "FUZZ_KEEP" in os.environ else None  # Folder for the findings
INTERESTING = (0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 31, 32, 64, 127, 128, 254, 255)


def picture(height=60, width=72):
    "A small surface over a bar with a scale bar in it, uint8"
    rng = np.random.default_rng(0)
    grey = np.clip(rng.normal(120, 25, (height, width)), 0, 255).astype(np.uint8)
    grey[-12:] = 0
    grey[-7:-4, 40:60] = 255
    return grey


def saved(image, kind, **options):
    "File content as Pillow writes it"
    content = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(content, kind, **options)
    return content.getvalue()


def tiff(image, tag=None, value=b"", **options):
    "File content as tifffile writes it, with one maker's tag"
    content = io.BytesIO()
    tifffile.imwrite(
        content, image, metadata=None, extratags=[(tag, 7, len(value), value, True)] if tag else [], **options
    )
    return content.getvalue()


ZEISS = "\r\n".join(
    [
        "0",
        "0",
        "0",
        "5.58e-08",
        "2.0e+03",
        "DP_IMAGE_STORE",
        "Store resolution = 72 * 60",
        "AP_PIXEL_SIZE",
        "Pixel Size = 55.82 nm",
        "AP_IMAGE_PIXEL_SIZE",
        "Image Pixel Size = 0.794 \xb5m",
        "",
    ]
)
FEI = (
    "[Scan]\r\nPixelWidth=6.5e-008\r\nPixelHeight=6.5e-008\r\n"
    "[Image]\r\nResolutionX=72\r\nResolutionY=48\r\n[PrivateFei]\r\nDatabarHeight=12\r\n"
)
FEI_XML = (
    "<Metadata><BinaryResult><ImageSize><X>72</X><Y>48</Y></ImageSize><PixelSize>"
    '<X unit="m" unitPrefixPower="1">3.85E-07</X></PixelSize></BinaryResult></Metadata>'
)
TESCAN = (
    "[MAIN]\r\nDevice=TESCAN\r\nImageStripSize=12\r\nPixelSizeX=0.00000005\r\nPixelSizeY=0.00000005\r\n"
    "[SEM]\r\nHV=5000.0\r\n"
)
HITACHI = "[SemImageFile]\r\nInstructName=TM3000\r\nImageName=x.tif\r\nDataSize=72x60\r\nPixelSize=99.21875\r\n"
JEOL = "$SEM_DATA_VERSION 1\r\n$CM_MAG 1000\r\n$$SM_MICRON_BAR 20\r\n$$SM_MICRON_MARKER 10um\r\n$CM_FULL_SIZE 72 56\r\n"


MEMENTO = (
    "<?xml version='1.0'?><string>PixelSize</string><string>Width</string>"
    "<MementoItemUnit>MementoItemUnitMeter</MementoItemUnit><anyType>1.6E-08</anyType>"
)
PHENOM = '<FeiImage><databarHeight>12</databarHeight><pixelWidth unit="um">0.69</pixelWidth></FeiImage>'
HORIZONTAL = "[Scan]\r\nPixelWidth=\r\nHorFieldsize=4.1e-005\r\n[Image]\r\nResolutionX=72\r\nResolutionY=48\r\n"
IMAGEJ = "ImageJ=1.54f\nimages=1\nunit=\\u00B5m\n"
OME = '<OME><Image><Pixels SizeX="72" SizeY="60" PhysicalSizeX="0.05" PhysicalSizeXUnit="nm"/></Image></OME>'
S4700 = "[SemImageFile]\r\nInstructName=S-4700\r\nDataSize=72x60\r\nMagnification=10000\r\nMicronMarker=5000\r\n"
FIELD = "$CM_FULL_SIZE 72 56\r\n$CM_MAG 35556\r\n$CM_FIELD_OF_VIEW 3.6\xb5m 2.8\xb5m\r\n$CM_PIXEL_SIZE 50nm\r\n"
MARKER = "$CM_FULL_SIZE 72 56\r\n$CM_MAG 500\r\n$$SM_MICRON_MARKER 10um\r\n"


def drawn():
    "A surface with a bar and strokes drawn on it, in colour, uint8"
    grey = picture(96, 128)[:80]
    grey[60:63, 20:80] = 255
    for left in range(20, 80, 9):
        grey[44:54, left : left + 2] = 255
    colour = np.dstack([grey] * 3)
    colour[10:14, 20:70] = (255, 0, 0)
    return colour


def run_length_bmp(grey):
    "File content of a BMP of 256 greys in run-length code"
    rows = b"".join(b"".join(bytes((1, value)) for value in row) + b"\0\0" for row in grey[::-1]) + b"\0\1"
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256))
    height, width = grey.shape
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + palette + rows


def seeds():
    "Format -> list of (picture bytes, side file name or None, side file bytes, which of the two is damaged, its text)"
    grey = picture()
    colour, wide = np.dstack([grey, grey[::-1], grey]), grey.astype(np.uint16) * 257
    plain = saved(grey, "PNG")

    def alone(*contents):
        return [(content, None, b"", "picture", content[:200]) for content in contents]

    def tagged(*tags):
        return [(tiff(grey, tag, text), None, b"", "picture", text) for tag, text in tags]

    def described(text, *contents):
        return [(content, None, b"", "picture", text.encode()) for content in contents]

    def beside(*files):
        return [(plain, name, content, "side", content) for name, content in files]

    return {
        "PNG": alone(
            plain,
            saved(wide, "PNG"),
            saved(colour, "PNG"),
            saved(Image.fromarray(grey).convert("P"), "PNG"),
            saved(grey > 99, "PNG"),
        ),
        "JPEG": alone(saved(grey, "JPEG"), saved(colour, "JPEG"), saved(colour, "JPEG", progressive=True)),
        "BMP": alone(saved(grey, "BMP"), saved(colour, "BMP"), saved(grey > 99, "BMP"), run_length_bmp(grey)),
        "TIFF": alone(
            tiff(grey),
            tiff(wide, byteorder=">"),
            tiff(colour, photometric="rgb"),
            tiff(grey, rowsperstrip=7),
            tiff(wide, tile=(16, 16)),
            tiff(grey, bigtiff=True),
            tiff(grey, photometric="palette", colormap=np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)),
        ),
        "TIFF compressed": alone(
            tiff(grey, compression="zlib"),
            tiff(wide, compression="zlib", predictor=2, tile=(32, 32)),
            saved(grey, "TIFF", compression="packbits"),
            saved(grey, "TIFF", compression="tiff_lzw"),
            saved(grey, "TIFF", compression="jpeg"),
            saved(grey > 99, "TIFF", compression="group4"),
        ),
        "TIFF Zeiss": tagged((34118, ZEISS.encode("cp1252")), (34119, ZEISS.encode("utf-16-le"))),
        "TIFF FEI": tagged(
            (34682, FEI.encode()),
            (34680, FEI.encode()),
            (34683, FEI_XML.encode()),
            (34680, base64.b64encode(MEMENTO.encode())),
            (34682, HORIZONTAL.encode()),
        ),
        "TIFF TESCAN": tagged((50431, b"\x10\0\0\0\x01\0\xff\xd8\xff\xe0\xff\xd9" + TESCAN.encode())),
        "TIFF Hitachi": tagged((40092, HITACHI.encode("utf-16-le")), (40092, HITACHI.encode("cp1252"))),
        "TIFF ImageJ": described(
            IMAGEJ,
            tiff(grey, description=IMAGEJ, resolution=(20, 20)),
            tiff(wide, byteorder=">", description=IMAGEJ, resolution=(20, 20)),
        ),
        "TIFF OME": described(OME, tiff(grey, description=OME), tiff(wide, description=OME, compression="zlib")),
        "Phenom": [
            *tagged((34683, PHENOM.encode())),
            *described(PHENOM, saved(grey, "JPEG") + PHENOM.encode(), saved(grey, "BMP") + PHENOM.encode()),
        ],
        "JEOL side file": beside(
            ("x.txt", JEOL.encode()), ("x.txt", FIELD.encode("cp1252")), ("x.txt", MARKER.encode())
        ),
        "Hitachi side file": beside(
            ("x.txt", HITACHI.encode()), ("x.txt", HITACHI.encode("utf-16")), ("x.txt", S4700.encode())
        ),
        "TESCAN side file": beside(("x.hdr", TESCAN.encode()), ("x-png.hdr", TESCAN.encode())),
        "drawn": alone(saved(drawn(), "PNG"), saved(drawn(), "BMP"), tiff(drawn(), photometric="rgb")),
        "drawn bar": [(saved(drawn(), "PNG"), None, b"", "drawing", b"")],
    }


def damaged(content: bytes, rng, text: bytes = b"") -> bytes:
    "A copy with bytes changed, cut, repeated, swapped or blown up, half of them in its text or header"
    data = bytearray(content)
    start = max(0, content.find(text)) if text else 0
    for _ in range(int(rng.integers(1, 4))):
        if not data:
            break
        span = (start, start + len(text)) if text and rng.random() < 0.5 else (0, len(data))
        place, act = min(int(rng.integers(*span)), len(data) - 1), rng.integers(8)
        if act == 0:
            data[place] = int(rng.integers(256))
        elif act == 1:
            data[place] = int(rng.choice(INTERESTING))
        elif act == 2:
            del data[place:]
        elif act == 3:
            del data[place : place + int(rng.integers(1, 64))]
        elif act == 4:
            data[place:place] = data[place : place + int(rng.integers(1, 64))]
        elif act == 5:
            data[place : place + 4] = rng.choice(
                [b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\0\x80", b"\x10\x27\0\0", b"\0\0\x27\x10"]
            )
        elif act == 6:
            data[place : place + 1] = rng.choice(
                [b"9", b"-", b"e", b".", b",", b"\0", b"=", b"\n", b"999999999999", b"nan", b"inf", b"1e400"]
            )
        else:
            header = int(rng.integers(min(len(data), 200)))
            data[header] = int(rng.integers(256))
    return bytes(data)


def damaged_png(content: bytes, rng) -> bytes:
    "A PNG with damage inside one chunk, in the unpacked pixels if it holds those, whose check sums are right"
    place, chunks = 8, []
    while place + 12 <= len(content):
        size, name = struct.unpack(">I4s", content[place : place + 8])
        chunks.append((name, content[place + 8 : place + 8 + size]))
        place += 12 + size
    victim, out = int(rng.integers(len(chunks))), [content[:8]]
    for number, (name, body) in enumerate(chunks):
        if number == victim:
            body = zlib.compress(damaged(zlib.decompress(body), rng)) if name == b"IDAT" else damaged(body, rng)
        out.append(struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)))
    return b"".join(out)


def damaged_drawing(rng) -> tuple:
    "A picture with a scale bar drawn on it and then damaged, the length of the bar, px, and whether its damage shows"
    height, width, thick = 160, 240, int(rng.integers(3, 9))
    length, ink = int(rng.integers(40, 150)), int(rng.choice([0, 255, 255, 230, 20]))
    grey = np.clip(rng.normal(rng.integers(90, 165), rng.integers(4, 25), (height, width)), 0, 255).astype(np.uint8)
    top, left = int(rng.integers(100, 140)), int(rng.integers(20, width - length - 20))
    grey[top : top + thick, left : left + length] = ink
    for column in range(left, left + int(rng.integers(0, 50)), 9):  # Something like a label
        grey[top - 22 : top - 8, column : column + 2] = ink
    kept = np.ones(length, bool)
    for _ in range(int(rng.integers(1, 4))):
        act, at, wide = rng.integers(5), left + int(rng.integers(length)), int(rng.integers(2, 12))
        place = np.s_[max(0, top - 2) : top + thick + 2, at : at + wide]
        if act == 0:  # A gap
            grey[place] = rng.integers(90, 165)
            kept[at - left : at - left + wide] = False
        elif act == 1:  # A scratch in another colour, across
            kept[at - left : at - left + 2] = False
            grey[top - 12 : top + thick + 12, at : at + 2] = rng.integers(256)
        elif act == 2:  # Spots
            spots = rng.random(grey.shape) < 0.03
            grey[spots] = rng.integers(0, 256, spots.sum())
        elif act == 3:  # Another line beside it
            row = int(rng.integers(10, 90))
            grey[row : row + thick, left : left + int(rng.integers(20, 150))] = ink
        else:
            grey = np.asarray(Image.open(io.BytesIO(saved(grey, "JPEG", quality=int(rng.integers(30, 95))))))
            grey = grey.copy()
    only_shorter = not (kept[0] and kept[-1]) and np.trim_zeros(kept).all()
    return saved(grey, "PNG"), length, not only_shorter


THICK = (2, 3, 4, 5, 6, 7, 8)  # px
QUALITIES = (None, 95, 85, 70, 50, 35)  # Of JPEG; None for a picture that was never one
INKS = (0, 255, 230, 20)
LAYOUTS = ("label above", "label beside", "lines of text")


def whole_drawing(thick: int, quality: int | None, ink: int, layout: str, rng) -> tuple:
    "A surface with a whole scale bar and its label drawn on it, and the length of the bar, px"
    (height, width), length = (200, 300), int(rng.integers(40, 150))
    relief = ndimage.gaussian_filter(rng.normal(0, 1, (height, width)), rng.uniform(0.6, 3))
    grey = rng.integers(90, 165) + rng.uniform(5, 25) * relief / relief.std() + rng.normal(0, 3, relief.shape)
    picture = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    margin = 90 if layout == "label beside" else 12
    left, top = int(rng.integers(12, width - length - margin)), int(rng.integers(150, 180))
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), int(rng.integers(12, 20)))
    draw, label = ImageDraw.Draw(picture), str(rng.choice(["10 µm", "5 µm", "200 nm", "1 mm", "50 µm."]))
    draw.rectangle([left, top, left + length - 1, top + thick - 1], fill=ink)
    draw.text(
        (left + length + 8, top - 8) if layout == "label beside" else (left, top - 26), label, fill=ink, font=font
    )
    if layout == "lines of text":
        draw.text((12, 10), "EHT = 15.00 kV  WD 9.8 mm", fill=ink, font=font)
        draw.text((12, 34), "SE2 x500 - 2026", fill=ink, font=font)
    if quality:
        picture = Image.open(io.BytesIO(saved(picture, "JPEG", quality=quality)))
    return np.asarray(picture), length


def whole_bars(seed: int = 0) -> collections.Counter:
    "How many whole bars are recognised, not recognised, and measured wrong"
    outcomes = collections.Counter()
    for number, kind in enumerate(itertools.product(THICK, QUALITIES, INKS, LAYOUTS)):
        grey, length = whole_drawing(*kind, np.random.default_rng([seed, number]))
        measured = find_scale_bar(grey)
        is_right = measured is not None and abs(measured / length - 1) <= SAME
        outcomes["recognised" if is_right else "not recognised" if measured is None else "wrong"] += 1
    return outcomes


@functools.cache
def whole_scale(content: bytes, name: str | None, side: bytes, bar_um: float | None) -> tuple:
    "Scale and flags of an undamaged file"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.png"
        path.write_bytes(content)
        if name:
            path.with_name(name).write_bytes(side)
        read = read_micrograph(path, scale_bar_um=bar_um)
        return read.um_per_px, read.meta.flags


def text_shows_damage(content: bytes, whole: bytes) -> bool:
    "Whether the text of a maker holds control characters that it did not hold, which no maker writes"
    return bool({byte for byte in content if byte < 32 or byte == 127} - set(whole) - set(b"\r\n\t"))


def silent(read: Micrograph, um: float | None, flags: tuple) -> bool:
    "Whether a scale other than the true one was read without a flag of it"
    if read.um_per_px is None or um is None or abs(read.um_per_px / um - 1) <= SAME:
        return False
    return not [flag for flag in set(read.meta.flags) - set(flags) if not flag.startswith("writing is drawn")]


def spoilt(seed: tuple, rng) -> tuple:
    "A damaged file: content, side file, length of its bar in µm, true scale, flags of the whole, whether damage shows"
    content, name, side, which, text = seed
    if which == "drawing":
        content, length, shows = damaged_drawing(rng)
        return content, side, BAR_UM, BAR_UM / length, (), shows
    bar_um = BAR_UM if text == content[:200] else None
    um, flags = whole_scale(content, name, side, bar_um)
    if which == "side":
        changed = damaged(side, rng, text)
        return content, changed, bar_um, um, flags, text_shows_damage(changed, side)
    deep = content.startswith(b"\x89PNG") and rng.random() < 0.5
    changed = damaged_png(content, rng) if deep else damaged(content, rng, text)
    return changed, side, bar_um, um, flags, False


def judged(read: Micrograph, um: float | None, flags: tuple, shows: bool) -> str:
    "What a micrograph read from a damaged file is: read, or a finding"
    if type(read) is not Micrograph or read.image.ndim != 2 or not read.image.size:
        return "no micrograph"
    if read.um_per_px is not None and not 1e-6 < read.um_per_px < 1e4:
        return f"scale of {read.um_per_px} µm per px"
    if not silent(read, um, flags):
        return "read"
    return "another scale in silence, damage shows" if shows else "read, another scale"


def attempt(folder: Path, seed: tuple, rng) -> str:
    "Damage one file, read it, and say what became of it: read, refused, or a finding"
    for old in folder.glob("*"):
        old.unlink()
    content, side, bar_um, um, flags, shows = spoilt(seed, rng)
    (folder / "x.png").write_bytes(content)
    if seed[1]:
        (folder / seed[1]).write_bytes(side)
    start = time.process_time()  # A busy machine must not look like a hang
    try:
        read = read_micrograph(folder / "x.png", scale_bar_um=bar_um)
        outcome = judged(read, um, flags, shows)
    except MicrographFormatError:
        outcome = "refused"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome = f"{type(error).__name__} in {traceback.extract_tb(error.__traceback__)[-1].name}: {str(error)[:80]}"
    seconds = time.process_time() - start
    if outcome not in ("read", "refused") and KEEP:
        keep(content, side, outcome, um)
    return outcome if seconds <= SECONDS else f"{outcome}, after {seconds:.1f} s"


def keep(content: bytes, side: bytes, outcome: str, um: float | None):
    "Store a finding"
    name = f"{len(list(KEEP.iterdir())):05d}"
    (KEEP / name).mkdir()
    (KEEP / name / "x.png").write_bytes(content)
    (KEEP / name / "side").write_bytes(side)
    (KEEP / name / "outcome.txt").write_text(f"{outcome}; the whole file has {um} µm per px\n")


def fuzz(kind: str, n: int, seed: int = 0) -> collections.Counter:
    "Outcomes of `n` damaged files of one format"
    rng, mine, outcomes = np.random.default_rng([seed, zlib.crc32(kind.encode())]), seeds()[kind], collections.Counter()
    quiet, before = os.open(os.devnull, os.O_WRONLY), os.dup(2)
    os.dup2(quiet, 2)  # libtiff and libjpeg complain there
    try:
        with tempfile.TemporaryDirectory() as folder:
            for number in range(n):
                outcomes[attempt(Path(folder), mine[number % len(mine)], rng)] += 1
    finally:
        os.dup2(before, 2)
        os.close(quiet)
        os.close(before)
    return outcomes


FINE = ("read", "refused", "read, another scale")


def findings(outcomes: collections.Counter) -> dict:
    return {what: count for what, count in outcomes.items() if what not in FINE}


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    n, seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, int(sys.argv[2]) if len(sys.argv) > 2 else 0
    begin, total = time.perf_counter(), 0
    for kind in sys.argv[3:] or seeds():
        outcomes = fuzz(kind, n, seed)
        total += sum(outcomes.values())
        print(
            f"{kind}: {n} damaged files, read {outcomes['read']}, refused {outcomes['refused']}, "
            f"another scale where damage does not show {outcomes['read, another scale']}, "
            f"findings {findings(outcomes) or 'none'}, peak {peak_bytes() / GIGABYTE:.2f} GB",
            flush=True,
        )
        if kind == "drawn bar":
            whole = whole_bars(seed)
            print(f"whole bars: {whole.total()}, recognised {whole['recognised']}, wrong {whole['wrong']}", flush=True)
    print(f"{total} files in {time.perf_counter() - begin:.0f} s, seed {seed}")
