"""Every notebook runs from top to bottom in a shell of its own, through nbdev's runner; front pages in `test_pages`,
where their visible cells are pasted and their hidden ones checked in one run"""

import atexit
import json
import multiprocessing
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import NBS, ROOT, notebooks, said, tool

# Where processes can be forked, each page finds imported what takes longest to import; nothing of this project
START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PAGE = multiprocessing.get_context(START)
PAGE.set_forkserver_preload(["nbdev.test", "IPython", "fastai.basics", "sklearn.pipeline", "sklearn.ensemble", "umap"])


def _test_page(path, where, env, out, err):
    "`nbdev-test` on one notebook, in the process that this begins"
    for name, value in env.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(where)
    from nbdev.test import nbdev_test

    try:
        nbdev_test(str(path))
    finally:  # what the end of a program does: helpers that wait for more work end, temporary folders go
        for helper in multiprocessing.active_children():
            helper.terminate()
        atexit._run_exitfuncs()


def run_notebook(path, **env):
    "`nbdev-test` on one notebook, in its own process"
    where = ROOT if path.is_relative_to(ROOT) else path.parent
    commands = f"{tool('nbdev-test').parent}{os.pathsep}{os.environ['PATH']}"  # `microplastic-aging` in a %%bash cell
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("out", "err")]
        page = PAGE.Process(target=_test_page, args=(path, where, dict(IN_TEST=None, PATH=commands) | env, *files))
        page.start()
        page.join()
        out, err = (file.read_text(encoding="utf-8") if file.exists() else "" for file in files)
    return SimpleNamespace(returncode=page.exitcode, stdout=out, stderr=err)


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
