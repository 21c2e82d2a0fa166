"""Damage pictures and side files at random and look for anything but a micrograph or the one error.

    python benchmarks/fuzz_micrographs.py [N per format] [seed]

Prints, per format, how many damaged files were read, refused, and what was found: another exception, more than 5 s
of CPU, more than 1 GB.
"""

import base64
import collections
import io
import os
import resource
import sys
import tempfile
import time
import traceback
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from microplastic_aging.micrographs.core import Micrograph, read_micrograph
from microplastic_aging.micrographs.pixels import MicrographFormatError

SECONDS, GIGABYTE = 5.0, 1 << 30
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
FIELD = "$CM_FULL_SIZE 72 56\r\n$CM_MAG 500\r\n$CM_FIELD_OF_VIEW 16.0\xb5m 12.0\xb5m\r\n$CM_PIXEL_SIZE 50nm\r\n"
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


def seeds():
    "Format -> list of (picture bytes, side file name or None, side file bytes, which of the two is damaged)"
    grey = picture()
    colour, wide = np.dstack([grey, grey[::-1], grey]), grey.astype(np.uint16) * 257
    plain = saved(grey, "PNG")

    def alone(*contents):
        return [(content, None, b"", "picture") for content in contents]

    def beside(*files):
        return [(plain, name, content, "side") for name, content in files]

    return {
        "PNG": alone(
            plain,
            saved(wide, "PNG"),
            saved(colour, "PNG"),
            saved(Image.fromarray(grey).convert("P"), "PNG"),
            saved(grey > 99, "PNG"),
        ),
        "JPEG": alone(saved(grey, "JPEG"), saved(colour, "JPEG"), saved(colour, "JPEG", progressive=True)),
        "BMP": alone(saved(grey, "BMP"), saved(colour, "BMP"), saved(grey > 99, "BMP")),
        "TIFF": alone(
            tiff(grey),
            tiff(wide, byteorder=">"),
            tiff(colour, photometric="rgb"),
            tiff(grey, compression="zlib"),
            tiff(grey, rowsperstrip=7),
            tiff(wide, tile=(16, 16)),
            tiff(grey, bigtiff=True),
            saved(grey, "TIFF", compression="packbits"),
            saved(grey, "TIFF", compression="tiff_lzw"),
            saved(grey, "TIFF", compression="jpeg"),
            tiff(grey, photometric="palette", colormap=np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)),
        ),
        "maker tags": alone(
            tiff(grey, 34118, ZEISS.encode("cp1252")),
            tiff(grey, 34119, ZEISS.encode("utf-16-le")),
            tiff(grey, 34682, FEI.encode()),
            tiff(grey, 34680, FEI.encode()),
            tiff(grey, 34683, FEI_XML.encode()),
            tiff(grey, 50431, b"\x10\0\0\0\x01\0\xff\xd8\xff\xe0\xff\xd9" + TESCAN.encode()),
            tiff(grey, 40092, HITACHI.encode("utf-16-le")),
            tiff(grey, 34680, base64.b64encode(MEMENTO.encode())),
            tiff(grey, 34682, HORIZONTAL.encode()),
            tiff(grey, 34683, PHENOM.encode()),
        ),
        "side files": beside(
            ("x.txt", JEOL.encode()),
            ("x.txt", HITACHI.encode()),
            ("x.txt", HITACHI.encode("utf-16")),
            ("x.hdr", TESCAN.encode()),
            ("x-png.hdr", TESCAN.encode()),
            ("x.txt", S4700.encode()),
            ("x.txt", FIELD.encode("cp1252")),
            ("x.txt", MARKER.encode()),
        ),
        "notes": alone(
            tiff(grey, description=IMAGEJ, resolution=(20, 20)),
            tiff(wide, byteorder=">", description=IMAGEJ, resolution=(20, 20)),
            tiff(grey, description=OME),
            saved(grey, "JPEG") + PHENOM.encode(),
        ),
        "drawn": alone(saved(drawn(), "PNG"), saved(drawn(), "BMP"), tiff(drawn(), photometric="rgb")),
    }


def damaged(content: bytes, rng) -> bytes:
    "A copy with bytes changed, cut, repeated, swapped or blown up"
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        if not data:
            break
        place, act = int(rng.integers(len(data))), rng.integers(8)
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


def attempt(folder: Path, seed: tuple, rng) -> str:
    "Damage one file, read it, and say what became of it: read, refused, or a finding"
    content, name, side, which = seed
    for old in folder.glob("*"):
        old.unlink()
    (folder / "x.png").write_bytes(damaged(content, rng) if which == "picture" else content)
    if name:
        (folder / name).write_bytes(damaged(side, rng))
    start = time.process_time()  # A busy machine must not look like a hang
    try:
        read = read_micrograph(folder / "x.png", scale_bar_um=10.0)
        if type(read) is not Micrograph or read.image.ndim != 2 or not read.image.size:
            return "no micrograph"
        if read.um_per_px is not None and not 1e-6 < read.um_per_px < 1e4:
            return f"scale of {read.um_per_px} µm per px"
        outcome = "read"
    except MicrographFormatError:
        outcome = "refused"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome = f"{type(error).__name__} in {traceback.extract_tb(error.__traceback__)[-1].name}: {str(error)[:80]}"
    seconds = time.process_time() - start
    return outcome if seconds <= SECONDS else f"{outcome}, after {seconds:.1f} s"


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


def findings(outcomes: collections.Counter) -> dict:
    return {what: count for what, count in outcomes.items() if what not in ("read", "refused")}


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    n, seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, int(sys.argv[2]) if len(sys.argv) > 2 else 0
    begin, total = time.perf_counter(), 0
    for kind in seeds():
        outcomes = fuzz(kind, n, seed)
        total += sum(outcomes.values())
        print(
            f"{kind}: {n} damaged files, read {outcomes['read']}, refused {outcomes['refused']}, "
            f"findings {findings(outcomes) or 'none'}, peak {peak_bytes() / GIGABYTE:.2f} GB",
            flush=True,
        )
    print(f"{total} files in {time.perf_counter() - begin:.0f} s, seed {seed}")
