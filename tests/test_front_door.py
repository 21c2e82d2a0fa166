"Five lines from files to a figure, pasted into a fresh Python, and a user's table that tries to be markup"

import json
import re
import sys

import pandas as pd
import pytest
from conftest import NBS, call, said

from microplastic_aging.simulate.benchmark import write_benchmark

pytestmark = pytest.mark.slow
TRAP = "<script>alert(1)</script>'\"=1+1"


def five_lines():
    "The lines that the page of the front door shows"
    cells = json.loads((NBS / "99_all.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    first = code.index("from microplastic_aging.all import *")
    lines = [line for cell in code[first : first + 2] for line in cell.split("\n") if not line.startswith("#|")]
    assert len(lines) == 5, lines
    return "\n".join(lines)


@pytest.fixture(scope="module")
def particles(tmp_path_factory):
    "A folder with eight simulated particles, in which a user works"
    folder = tmp_path_factory.mktemp("user")
    write_benchmark(folder / "particles", 8, progress=False)
    return folder


def source(folder, kind):
    "What a user names: a folder, a pair of files, a spectrum, a micrograph"
    image, spectrum = (sorted((folder / "particles" / k).iterdir())[0].as_posix() for k in ("images", "spectra"))
    return dict(folder="particles", pair=[image, spectrum], spectrum=spectrum, image=image)[kind]


@pytest.mark.parametrize("kind", ["folder", "pair", "spectrum", "image"])
def test_five_lines_to_a_figure(particles, kind):
    code = five_lines().replace('"particles"', repr(source(particles, kind)))
    done = call(sys.executable, "-c", code, cwd=particles, MPLBACKEND="agg")
    assert done.returncode == 0, said(done)
    figure = (particles / "explanation.png").read_bytes()
    assert figure.startswith(b"\x89PNG") and len(figure) > 20_000
    (particles / "explanation.png").unlink()


@pytest.fixture(scope="module")
def attacked(particles):
    "Pages and tables of a dataset whose every free text tries to be markup or a formula"
    table = pd.read_csv(particles / "particles/manifest.csv", dtype=str).head(3)
    free = dict(specimen_id=TRAP, site=TRAP, polymer=TRAP, source=TRAP, note=TRAP)
    table = table.assign(sample_id=[f"{TRAP}{i}" for i in range(3)], aging_type="", **free)
    table.to_csv(particles / "particles/manifest.csv", index=False)
    name = "a<b>'\"=1+1.csv"
    code = "from microplastic_aging.cli import main; main()"
    done = call(sys.executable, "-c", code, "predict", "particles", "--out", name, "--explain", cwd=particles)
    assert done.returncode == 0, said(done)
    return particles


def test_nothing_of_a_table_reaches_a_page_unescaped(attacked):
    pages = [*attacked.glob("*.html"), *attacked.glob("*_explained/index.html")]
    assert len(pages) == 2
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text and "<b>" not in text
        assert re.search(r"&lt;script&gt;alert\(1\)&lt;/script&gt;&#39;&#34;=1\+1", text)
