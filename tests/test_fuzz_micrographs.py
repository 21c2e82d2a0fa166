"Damaged pictures, tags and side files: only a micrograph or the one error may come out, in time and within memory"

import functools
import importlib.util
import struct
import subprocess
import sys
import zlib

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microplastic_aging.micrographs.core import Micrograph, read_micrograph
from microplastic_aging.micrographs.metadata import read_sem_metadata
from microplastic_aging.micrographs.pixels import MicrographFormatError
from microplastic_aging.micrographs.scale import SemMetadata, plausible_um

spec = importlib.util.spec_from_file_location("fuzz_micrographs", ROOT / "benchmarks/fuzz_micrographs.py")
fuzzing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzzing)

FORMATS = tuple(fuzzing.seeds())
PER_FORMAT = 520
CALM = settings(
    max_examples=PER_FORMAT // 2,
    deadline=5000,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_random_damage(kind):
    outcomes = fuzzing.fuzz(kind, PER_FORMAT, seed=1)
    assert not fuzzing.findings(outcomes), fuzzing.findings(outcomes)
    assert sum(outcomes.values()) == PER_FORMAT
    assert outcomes["read"] and (outcomes["refused"] or kind == "side files")
    assert fuzzing.peak_bytes() < fuzzing.GIGABYTE + fuzzing.peak_bytes_before


fuzzing.peak_bytes_before = fuzzing.peak_bytes()


def write_damaged(folder, seed, changed):
    "The picture of a seed and its side file, one of them with other content"
    content, name, _, which = seed
    (folder / "x.png").write_bytes(changed if which == "picture" else content)
    if not name:
        return
    for old in folder.glob("x*.*"):
        if old.suffix != ".png":
            old.unlink()
    (folder / name).write_bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_searched_damage(kind, tmp_path):
    "Hypothesis chooses where to cut and what to write"
    seeds = fuzzing.seeds()[kind]

    @CALM
    @given(st.sampled_from(range(len(seeds))), st.integers(0, 1 << 16), st.binary(max_size=8), st.booleans())
    def damage(number, place, patch, cut):
        content, _, side, which = seeds[number]
        victim = content if which == "picture" else side
        place %= len(victim)
        rest = b"" if cut else victim[place + len(patch) :]
        write_damaged(tmp_path, seeds[number], victim[:place] + patch + rest)
        try:
            read = read_micrograph(tmp_path / "x.png")
        except MicrographFormatError:
            assert which == "picture", "a side file must never cost the picture"
        else:
            assert type(read) is Micrograph and read.image.size
            assert read.um_per_px is None or plausible_um(read.um_per_px)

    damage()


TAGS = st.sampled_from((34118, 34119, 34680, 34682, 34683, 40092, 50431))
UTF_16 = st.text(max_size=200).map(lambda text: ("PixelSizeX=" + text).encode("utf-16-le", "replace"))
CONTENT = st.one_of(st.binary(max_size=400), UTF_16)


@CALM
@given(TAGS, CONTENT, st.integers(1, 3000), st.integers(1, 3000))
def test_any_tag(tag, content, height, width):
    meta = read_sem_metadata("x.tif", (height, width), {tag: content})
    assert type(meta) is SemMetadata
    assert meta.um_per_px is None or meta.um_per_px > 0
    assert meta.bar_rows is None or meta.bar_rows > 0


def tiff_header(width, height, samples, bits, compression, piece):
    "A TIFF of one strip that declares what it likes"
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, compression), (262, 3, 1)]
    tags += [(273, 4, 8 + 2 + 9 * 12 + 4), (277, 3, samples), (278, 4, height), (279, 4, len(piece))]
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4) + piece


def png(width, height, data, name=None, extra=b""):
    "A PNG with any header, any data and one more chunk"

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    more = chunk(name, extra) if name else b""
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bmp(width, height):
    "A BMP that declares a size and holds two pixels"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 60, 0, 0, 54) + header + bytes(6)


@functools.cache
def flood():
    "Zero bytes, 1.25 GB of them, packed into a thousandth"
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(1 << 22)) for _ in range(320)) + packer.flush()


BOMBS = {  # Small files that ask for much
    "tens of GB declared": lambda: tiff_header(150_000, 150_000, 1, 16, 1, bytes(100)),
    "65535 channels": lambda: tiff_header(9000, 9000, 65535, 16, 8, flood()[: 1 << 20]),
    "four 16-bit channels of 13000 × 13000": lambda: tiff_header(
        13_000, 13_000, 4, 16, 8, zlib.compress(bytes(1 << 20))
    ),
    "small shape, a flood of deflate": lambda: tiff_header(16, 16, 1, 8, 8, flood()),
    "PNG with a flood of data": lambda: png(16, 16, flood()),
    "PNG of 14000 × 14000 in few bytes": lambda: png(14_000, 14_000, zlib.compress(bytes(9))),
    "PNG with a flood of text": lambda: png(16, 16, zlib.compress(bytes(17 * 16)), b"zTXt", b"a\0\0" + flood()),
    "BMP of 14000 × 14000 in few bytes": lambda: bmp(14_000, 14_000),
}

MEASURE = """
import resource, sys
from microplastic_aging.micrographs.core import MicrographFormatError, read_micrograph
resource.setrlimit(resource.RLIMIT_CPU, (60, 60)) # seconds of this process alone, however busy the machine is
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try: outcome = read_micrograph(sys.argv[1]).image.shape
except MicrographFormatError as error: outcome = error.reason
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)*1024, outcome)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_bomb(name, tmp_path):
    "In a process of its own, so that memory is that of the one file"
    path = tmp_path / "x.tif"
    path.write_bytes(BOMBS[name]())
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    grown, _ = done.stdout.split(" ", 1)
    assert float(grown) < fuzzing.GIGABYTE, done.stdout
