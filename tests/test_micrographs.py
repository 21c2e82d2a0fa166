"Real micrographs against a table filled by eye, and the simulated benchmark, in which there is nothing to find"

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import ROOT
from PIL import Image
from test_fuzz_micrographs import special

from microplastic_aging.micrographs.core import read_micrograph, write_micrograph
from microplastic_aging.micrographs.databar import find_information_bar
from microplastic_aging.micrographs.pixels import MicrographFormatError, read_grey

SHARED = next((p / "shared/data/sem_files" for p in ROOT.parents if (p / "shared/data/sem_files").is_dir()), None)
LINES = Path(__file__).with_name("micrograph_bars.csv").read_text(encoding="utf-8").splitlines()
ROWS = list(csv.DictReader(line for line in LINES if not line.startswith("#")))


def real(row):
    "The file of a row of the table"
    if SHARED is None:
        pytest.skip("shared/data/sem_files, which holds the real files, is not beside this repository")
    return next(SHARED.glob(f"*/{row['file']}"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_real_file(row):
    read = read_micrograph(real(row))
    first, top = int(row["first_bar_row"]), int(row["top_rows"])
    assert read.meta.bar_rows == int(row["height"]) - first
    assert read.image.shape == (first - top, int(row["width"]))
    assert (read.meta.maker or "") == row["maker"]
    if row["um_per_px"]:
        assert read.um_per_px == pytest.approx(float(row["um_per_px"]), rel=2e-3)
    else:
        assert read.um_per_px is None and "scale unknown" in read.meta.found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_pixels_alone_find_the_bar(row):
    found = find_information_bar(read_grey(real(row))[0])
    assert (found.rows if found else 0) == int(row["height"]) - int(row["first_bar_row"])


@pytest.mark.parametrize("size", [(640, 768), (1536, 2048)])
def test_bar_of_a_resampled_picture(row_of, size):
    "Re-sampling mixes the row at the edge with the bar; no row of bar may stay, and no more than two of the surface go"
    stored, _ = read_grey(real(row_of("P33_scale1_detectorA.tif")))
    grey = Image.fromarray(np.uint8(255 * stored))
    small = np.asarray(grey.resize(size[::-1], Image.Resampling.BILINEAR))
    edge = np.floor(1024 * size[0] / 1103)
    found = find_information_bar(small)
    assert found is not None
    assert int(edge) - 2 <= size[0] - found.rows <= edge


@pytest.fixture
def row_of():
    return lambda name: next(row for row in ROWS if row["file"] == name)


@pytest.fixture(scope="module")
def simulated():
    from microplastic_aging.simulate.benchmark import simulate_samples

    return simulate_samples(48, seed=11).image


def test_simulated_pictures_have_no_bar(simulated, tmp_path):
    for number, image in enumerate(simulated):
        assert find_information_bar(image) is None, number
        assert find_information_bar(image[::-1]) is None, number
    for image in simulated[:8]:
        read = read_micrograph(write_micrograph(tmp_path / "s.png", image), 0.2)
        assert np.array_equal(np.round(255 * read.image).astype(np.uint8), image)
        assert read.um_per_px == 0.2 and read.meta.flags == ()


@pytest.mark.parametrize("ring", ["no tags", "a page"])
def test_pages_in_a_ring_are_refused(tmp_path, ring):
    "A TIFF whose page names itself as the next one has no last page"
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), metadata=None)
    content = bytearray(path.read_bytes())
    at = int.from_bytes(content[4:8], "little")
    after = at + 2 + 12 * int.from_bytes(content[at : at + 2], "little")
    content[after : after + 4] = at.to_bytes(4, "little")
    without_tags = bytes.fromhex("49492a0008000000000008000000")
    path.write_bytes(without_tags if ring == "no tags" else bytes(content))
    with pytest.raises(MicrographFormatError, match="point at each other in a ring"):
        read_micrograph(path)


def test_paths_that_are_no_files(tmp_path):
    "Pipes, devices, folders, links without an end and a file of a terabyte cost neither time nor memory"
    for make, words in ((special.make_special, "MicrographFormatError: "), (special.beside_special, "read (64, 64) ")):
        folder = tmp_path / make.__name__
        folder.mkdir()
        paths = make(folder)
        found = special.measured(*paths, seconds=60)
        assert len(found) == len(paths)
        for path, (cpu, peak, outcome) in zip(paths, found, strict=True):
            assert outcome.startswith(words) and cpu < 5 and peak < special.GIGABYTE / 2, (path.name, outcome)
            assert make is special.make_special or f"side file {path.stem}.txt" in outcome, outcome


def test_own_metadata_stay_beside_a_pipe(tmp_path):
    "Something that is no side file costs neither the picture nor the scale in its tags, and is flagged"
    settings = b"[MAIN]\r\nPixelSizeX=0.0000002\r\n"
    tifffile.imwrite(
        tmp_path / "a.tif", np.full((64, 64), 90, np.uint8), extratags=[(50431, 7, len(settings), settings)]
    )
    (tmp_path / "a.txt").mkdir()
    read = read_micrograph(tmp_path / "a.tif")
    assert read.um_per_px == pytest.approx(0.2) and read.meta.maker == "TESCAN"
    assert read.meta.flags == ("side file a.txt is a folder; name a regular file; it was not used",)
