"Damaged pictures, tags and side files: only a micrograph or the one error may come out, in time and within memory"

import importlib.util

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microplastic_aging.micrographs.core import Micrograph, read_micrograph
from microplastic_aging.micrographs.metadata import read_sem_metadata
from microplastic_aging.micrographs.pixels import MicrographFormatError
from microplastic_aging.micrographs.scale import SemMetadata, plausible_um


def script(name):
    "A script of benchmarks/ as a module"
    spec = importlib.util.spec_from_file_location(name, ROOT / f"benchmarks/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzzing, special = script("fuzz_micrographs"), script("special_files")

FORMATS = tuple(fuzzing.seeds())
FILES = tuple(kind for kind in FORMATS if kind != "drawn bar")
PER_FORMAT = 240
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
    assert outcomes["read"] and (outcomes["refused"] or kind.endswith("side file") or kind == "drawn bar")
    assert fuzzing.peak_bytes() < fuzzing.GIGABYTE + fuzzing.peak_bytes_before


@pytest.mark.slow
def test_whole_bars_are_recognised():
    "Who refuses every bar is never wrong, and of no use"
    outcomes = fuzzing.whole_bars()
    assert outcomes["recognised"] >= 0.65 * outcomes.total() and not outcomes["wrong"], outcomes


fuzzing.peak_bytes_before = fuzzing.peak_bytes()


def write_damaged(folder, seed, changed):
    "The picture of a seed and its side file, one of them with other content"
    content, name, _, which, _ = seed
    (folder / "x.png").write_bytes(changed if which == "picture" else content)
    if not name:
        return
    for old in folder.glob("x*.*"):
        if old.suffix != ".png":
            old.unlink()
    (folder / name).write_bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_searched_damage(kind, tmp_path):
    "Hypothesis chooses where to cut and what to write"
    seeds = fuzzing.seeds()[kind]

    @CALM
    @given(st.sampled_from(range(len(seeds))), st.integers(0, 1 << 16), st.binary(max_size=8), st.booleans())
    def damage(number, place, patch, cut):
        content, _, side, which, _ = seeds[number]
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


HEAVY = (  # Pictures of the largest size that are read, and what takes long to make
    "TIFF: largest picture, deflated zeros",
    "TIFF: largest picture, 16 bits",
    "TIFF: 65535 strips",
    "OME-TIFF: a pyramid",
    "PNG: largest picture, interlaced",
    "JPEG: largest picture",
)


@pytest.mark.slow
def test_bombs(tmp_path):
    "In a process of their own, so that memory is theirs alone"
    paths = {name: tmp_path / f"{number}.tif" for number, name in enumerate(special.BOMBS) if name not in HEAVY}
    for name, path in paths.items():
        path.write_bytes(special.BOMBS[name]())
    found = special.measured(*paths.values(), seconds=600)
    for name, (cpu, peak, outcome) in zip(paths, found, strict=False):
        assert cpu < special.SECONDS and peak < special.GIGABYTE and "untyped" not in outcome, (name, outcome)
    assert len(found) == len(paths)
    assert sum("MicrographFormatError" in outcome for *_, outcome in found) > len(paths) / 2
