"""Small files that ask for much, and paths that are no files: what each costs, in a process of its own.

    python benchmarks/special_files.py [name ...]

Prints the CPU seconds and memory of each, and fails where one takes more than 5 s, more than 1 GB, or ends with another
error than the typed one. Devices are reached through links, so that none is made or written to.
"""

import functools
import io
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

SECONDS, GIGABYTE = 5.0, 1 << 30
SIDE = 8192  # px; the largest square picture that is read
READ = """
import resource, sys
from microplastic_aging.aging import FileFormatError
from microplastic_aging.micrographs.core import read_micrograph

def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

def peak():
    return 1024 * int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

for path in sys.argv[1:]:
    before = cpu()
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(before) + 60, hard))  # Of this process alone, however busy others are
    try:
        read = read_micrograph(path)
        outcome = " ".join(("read", str(read.image.shape), *read.meta.flags))
    except FileFormatError as error:
        outcome = f"{type(error).__name__}: {error.reason}"
    print(cpu() - before, peak(), outcome, flush=True)
"""


@functools.cache
def flood() -> bytes:
    "Zero bytes, 1.25 GB of them, deflated into a thousandth"
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(1 << 22)) for _ in range(320)) + packer.flush()


def directory(tags: list, start: int, after: int = 0) -> bytes:
    "A TIFF directory at `start` of (tag, type, values) and the values that do not fit into it"
    sizes, entries, more = {1: "B", 3: "H", 4: "I"}, b"", b""
    rest = start + 2 + 12 * len(tags) + 4
    for tag, kind, values in tags:
        content = struct.pack(f"<{len(values)}{sizes[kind]}", *values)
        if len(content) > 4:
            entries += struct.pack("<HHII", tag, kind, len(values), rest + len(more))
            more += content
        else:
            entries += struct.pack("<HHI", tag, kind, len(values)) + content.ljust(4, b"\0")
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", after) + more


def tiff(width, height, compression, pieces, piece, samples=1, bits=8, tile=None, more=()) -> bytes:
    "A TIFF that declares what it likes, and lists one piece of data `pieces` times"
    offsets, counts = [8] * pieces, [len(piece)] * pieces
    tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * samples), (259, 3, [compression])]
    tags += [(262, 3, [2 if samples > 2 else 1]), (277, 3, [samples])]
    if tile:
        tags += [(322, 4, [tile]), (323, 4, [tile]), (324, 4, offsets), (325, 4, counts)]
    else:
        tags += [(273, 4, offsets), (278, 4, [-(-height // pieces)]), (279, 4, counts)]
    piece += b"\0" * (len(piece) % 2)
    start = 8 + len(piece)
    return b"II*\0" + struct.pack("<I", start) + piece + directory(sorted([*tags, *more]), start)


def pages(n: int, tags: int, listed: int) -> bytes:
    "A TIFF of `n` pages, each with `tags` directory entries that point at the same `listed` offsets"
    shared = struct.pack(f"<{listed}I", *[8] * listed)
    content, start = b"", 8 + len(shared)
    for number in range(n):
        entry = struct.pack("<HHII", 256, 3, 1, 16) + struct.pack("<HHII", 257, 3, 1, 16)
        entry += struct.pack("<HHII", 273, 4, listed, 8) * tags
        size = 2 + len(entry) + 4
        after = start + size if number < n - 1 else 0
        content += struct.pack("<H", tags + 2) + entry + struct.pack("<I", after)
        start += size
    return b"II*\0" + struct.pack("<I", 8 + len(shared)) + shared + content


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, data, *more, colour=0, interlace=0) -> bytes:
    "A PNG with any header, any data and more chunks"
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(width, height, bits=24, run_length=b"") -> bytes:
    "A BMP that declares a size and holds a few bytes"
    palette = bytes(1024) if bits == 8 else b""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, int(bool(run_length)), 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 60, 0, 0, 54 + len(palette)) + header + palette + (run_length or bytes(6))


def saved(image: Image.Image, kind: str, **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def many_scans(side: int, scans: int) -> bytes:
    "A progressive JPEG whose last scan comes again and again"
    whole = saved(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    last = whole.rfind(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + whole[-2:]


def deflated_zeros(width, height, **options) -> bytes:
    content = io.BytesIO()
    shape = (height, width, 3) if options.get("photometric") == "rgb" else (height, width)
    tifffile.imwrite(content, np.zeros(shape, options.pop("dtype", np.uint8)), compression="zlib", **options)
    return content.getvalue()


def text_page(side: int) -> bytes:
    "A scanned page of letters"
    from PIL import ImageDraw, ImageFont

    page = Image.new("L", (side, side), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(side // 90)
    letters = np.random.default_rng(0).choice(list("abcdefghijklmnopqrstuvwxyz ABCDEF"), (side, 160))
    for line, top in enumerate(range(side // 100, side - side // 60, side // 75)):
        draw.text((side // 80, top), "".join(letters[line]), fill=0, font=font)
    return saved(page.resize((side // 2, side // 2)), "PNG")


def grid(side: int) -> bytes:
    "Grey under a grid of red lines"
    colours = np.full((side, side, 3), 120, np.uint8)
    for line in range(4):
        colours[line::128] = colours[:, line::128] = (255, 0, 0)
    return saved(Image.fromarray(colours), "PNG", compress_level=1)


def stack(n: int) -> bytes:
    "A TIFF of `n` small pages"
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as writer:
        for _ in range(n):
            writer.write(np.zeros((4, 4), np.uint8), contiguous=False, metadata=None)
    return content.getvalue()


def pyramid(side: int) -> bytes:
    "An OME-TIFF with smaller levels below its picture"
    content = io.BytesIO()
    with tifffile.TiffWriter(content, ome=True) as writer:
        options = {"tile": (256, 256), "compression": "zlib"}
        writer.write(np.zeros((side, side), np.uint8), subifds=5, metadata={"axes": "YX"}, **options)
        for level in range(1, 6):
            writer.write(np.zeros((side >> level, side >> level), np.uint8), subfiletype=1, **options)
    return content.getvalue()


PACKBITS = b"\x81\0" * 550_000  # 70 MB of zero bytes
LZW = b"\x80" + bytes(1_100_000)
RLE = b"\1\0\0\0" * 275_000  # A pixel, the end of the line, and again
BOMBS = {  # Small files that ask for much
    "TIFF: tens of GB declared": lambda: tiff(150_000, 150_000, 1, 1, bytes(100), bits=16),
    "TIFF: 65535 channels": lambda: tiff(9000, 9000, 8, 1, flood()[: 1 << 20], samples=65535, bits=16),
    "TIFF: four 16-bit channels": lambda: tiff(SIDE, SIDE, 8, 1, zlib.compress(bytes(1 << 20)), samples=4, bits=16),
    "TIFF: small shape, a flood of deflate": lambda: tiff(16, 16, 8, 1, flood()),
    "TIFF: small shape, a flood of PackBits": lambda: tiff(16, 16, 32773, 1, PACKBITS),
    "TIFF: small shape, a flood of LZW": lambda: tiff(16, 16, 5, 1, LZW),
    "TIFF: one strip of deflate 8000 times": lambda: tiff(SIDE, 8000, 8, 8000, flood()),
    "TIFF: one strip of LZW 8000 times": lambda: tiff(SIDE, 8000, 5, 8000, LZW),
    "TIFF: a strip of 30 kB 30 times": lambda: tiff(16, 30, 8, 30, flood()[:30_000]),
    "TIFF: a tile of 60000 × 60000": lambda: tiff(16, 16, 8, 1, flood(), tile=60_000),
    "TIFF: a tile of 60000 × 60000, LZW": lambda: tiff(16, 16, 5, 1, LZW, tile=60_000),
    "TIFF: 262144 tiles": lambda: tiff(SIDE, SIDE, 8, 1 << 18, zlib.compress(bytes(256)), tile=16),
    "TIFF: a million tiles of a pixel": lambda: tiff(1024, 1024, 8, 1 << 20, zlib.compress(bytes(1)), tile=1),
    "TIFF: 65535 strips": lambda: tiff(1024, 65_535, 8, 65_535, zlib.compress(bytes(1024))),
    "TIFF: two widths": lambda: tiff(16, 16, 5, 1, LZW, more=[(256, 4, [SIDE * 4]), (257, 4, [SIDE * 4])]),
    "TIFF: 100 pages of 4000 entries": lambda: pages(100, 4000, 1000),
    "TIFF: 20 pages of 4000 lists": lambda: pages(20, 4000, 60_000),
    "TIFF: 10000 pages": lambda: stack(10_000),
    "TIFF: largest picture, deflated zeros": lambda: deflated_zeros(SIDE, SIDE),
    "TIFF: largest picture in colour": lambda: deflated_zeros(SIDE, SIDE, photometric="rgb"),
    "TIFF: largest picture, 16 bits": lambda: deflated_zeros(SIDE, SIDE, dtype=np.uint16, predictor=2),
    "TIFF: 30000 × 30000 deflated zeros": lambda: tiff(30_000, 30_000, 8, 1, flood()),
    "OME-TIFF: a pyramid": lambda: pyramid(SIDE),
    "PNG: a flood of data": lambda: png(16, 16, flood()),
    "PNG: 14000 × 14000 in few bytes": lambda: png(14_000, 14_000, zlib.compress(bytes(9))),
    "PNG: 10 × 6000000": lambda: png(10, 6_000_000, zlib.compress(bytes(9))),
    "PNG: a flood of text": lambda: png(16, 16, zlib.compress(bytes(272)), chunk(b"zTXt", b"a\0\0" + flood())),
    "PNG: a flood of colour profile": lambda: png(
        16, 16, zlib.compress(bytes(272)), chunk(b"iCCP", b"a\0\0" + flood())
    ),
    "PNG: 90000 chunks": lambda: png(16, 16, zlib.compress(bytes(272)), *[chunk(b"tEXt", b"a\0b")] * 75_000),
    "PNG: largest picture, interlaced": lambda: png(SIDE, SIDE, zlib.compress(bytes(SIDE * SIDE * 2)), interlace=1),
    "PNG: largest picture with a grid in colour": lambda: grid(SIDE),
    "PNG: a scanned page": lambda: text_page(4096),
    "JPEG: 5000 scans": lambda: many_scans(4096, 5000),
    "JPEG: largest picture": lambda: saved(Image.new("RGB", (SIDE, SIDE), (9, 90, 9)), "JPEG"),
    "JPEG: 65500 × 65500": lambda: saved(Image.new("L", (16, 16)), "JPEG").replace(
        b"\0\x10\0\x10\1", b"\xff\xdc\xff\xdc\1"
    ),
    "BMP: 14000 × 14000 in few bytes": lambda: bmp(14_000, 14_000),
    "BMP: run lengths without end": lambda: bmp(60_000, 1100, 8, RLE),
    "BMP: run lengths, a jump": lambda: bmp(65_000, 1000, 8, b"\0\2\xff\xff" * 275_000),
    "GIF: 65535 × 65535": lambda: b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(1_000_000),
}


def measured(*paths: Path, seconds: float = 90) -> list:
    "Of each picture, read in one new process: CPU seconds, peak of the process so far in bytes, and what came of it"
    command = [sys.executable, "-c", READ, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
    found = [(float(cpu), float(memory), outcome) for cpu, memory, outcome in lines]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        found.append((np.inf, np.inf, f"untyped: {last}"))
    return found


def make_special(folder: Path) -> list:
    "Paths that are no files: pipes, links without an end, a folder, links to devices"
    (folder / "folder.tif").mkdir()
    os.mkfifo(folder / "pipe.tif")
    (folder / "loop.tif").symlink_to(folder / "loop.tif")
    (folder / "dangling.tif").symlink_to(folder / "nowhere.tif")
    (folder / "huge.tif").write_bytes(b"II*\0")
    os.truncate(folder / "huge.tif", 1 << 40)
    made = [folder / f"{name}.tif" for name in ("folder", "pipe", "loop", "dangling", "huge")]
    for name in ("zero", "random", "tty"):
        (folder / f"{name}.tif").symlink_to(f"/dev/{name}")
        made.append(folder / f"{name}.tif")
    return made


def beside_special(folder: Path) -> list:
    "Pictures beside whose name stands something that is no side file"
    made = []
    for place in make_special(folder):
        Image.fromarray(np.full((64, 64), 90, np.uint8)).save(place.with_suffix(".png"))
        place.rename(place.with_suffix(".txt"))
        made.append(place.with_suffix(".png"))
    return made


def report(name: str, path: Path) -> bool:
    "Print what a path costs; whether that is too much"
    try:
        ((cpu, memory, outcome),) = measured(path)
    except subprocess.TimeoutExpired:
        cpu, memory, outcome = np.inf, 0.0, "untyped: never ended"
    bad = cpu > SECONDS or memory > GIGABYTE or outcome.startswith("untyped")
    print(f"{'!' if bad else ' '} {cpu:6.2f} s {memory / GIGABYTE:5.2f} GB  {name}: {outcome[:150]}", flush=True)
    return bad


def main(names: list) -> bool:
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names or BOMBS:
            path = Path(folder) / "bomb.tif"
            path.write_bytes(BOMBS[name]())
            bad += report(f"{name} ({path.stat().st_size / 1e6:.1f} MB)", path)
    if not names:
        for make in (make_special, beside_special):
            with tempfile.TemporaryDirectory() as folder:
                for path in make(Path(folder)):
                    bad += report(f"{make.__name__} {path.name}", path)
    print(f"{bad} findings")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
