"""Every notebook runs from top to bottom in a shell of its own, through nbdev's runner; front pages in `test_pages`,
where their visible cells are pasted and their hidden ones checked in one run"""

import json
import os
import shutil

import pytest
from conftest import NBS, ROOT, call, notebooks, said, tool


def run_notebook(path, **env):
    "`nbdev-test` on one notebook, in its own process"
    where = ROOT if path.is_relative_to(ROOT) else path.parent
    commands = f"{tool('nbdev-test').parent}{os.pathsep}{os.environ['PATH']}"  # `microplastic-aging` in a %%bash cell
    return call(tool("nbdev-test"), path, cwd=where, IN_TEST=None, PATH=commands, **env)


# pages that train or explain: `make fast` leaves them out
TRAINING = {"attribute", "explain", "index.ipynb", "model", "report", "study", "tutorials"}
LONG = {"simulate/15_benchmark", "simulate/16_field", "evaluate/09_tuning", "evaluate/10_surface_truth"}
LONG |= {"spectra/11_quality", "spectra/13_corrections", "spectra/19_confounders", "micrographs/04_databar"}
LONG |= {"micrographs/11_surface", "data/11_measure", "simulate/17_instruments", "evaluate/03_conformal"}
LONG |= {
    "evaluate/04_significance",
    "evaluate/12_links",
    "evaluate/13_planted_links",
    "data/06_checks",
    "spectra/16_indices",
}  # and pages that simulate or measure for more than five seconds
PASTED = {
    "howto",
    "index.ipynb",
    "studies",
    "tutorials",
}  # by test_pages; one of them goes through nbdev's runner as well
PAGES = [p for p in notebooks() if p.parts[0] not in PASTED or p.name == "first_answer.ipynb"]


def as_case(page):
    "A page as a case"
    slow = page.parts[0] in TRAINING or page.name.startswith("9") or page.with_suffix("").as_posix() in LONG
    return pytest.param(page, marks=[pytest.mark.slow] if slow else [], id=str(page))


@pytest.mark.parametrize("name", map(as_case, PAGES))
def test_notebook(name):
    path = NBS / name
    before = path.read_bytes()
    done = run_notebook(path, MPA_RUN=None)
    assert done.returncode == 0, f"{name} fails:{said(done)}"
    assert "Success." in done.stdout, f"{name} was not run:{said(done)}"
    assert path.read_bytes() == before, f"running {name} changed the file"


@pytest.fixture
def little_project(tmp_path):
    "A project with this one's nbdev settings; call it with cell sources to get its only notebook"

    def write(*sources):
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        (tmp_path / "nbs").mkdir(exist_ok=True)
        cells = [
            dict(cell_type="code", id=f"c{i}", metadata={}, source=s, outputs=[], execution_count=None)
            for i, s in enumerate(sources)
        ]
        path = tmp_path / "nbs/page.ipynb"
        path.write_text(json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5)))
        return path

    return write


def test_runner_reports_the_failing_cell(little_project):
    done = run_notebook(little_project("thickness = 3", "assert thickness == 4, 'the film is too thin'"))
    assert done.returncode != 0
    assert "page.ipynb" in done.stderr and "the film is too thin" in done.stderr and "thickness == 4" in done.stderr, (
        said(done)
    )


def test_runner_leaves_out_flagged_cells(little_project):
    done = run_notebook(
        little_project(*(f"#| {flag}\nraise RuntimeError('{flag} cell was run')" for flag in ("slow", "cuda", "data")))
    )
    assert done.returncode == 0, said(done)
