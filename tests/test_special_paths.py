"What is no regular file, is too large, or has a name that is not UTF-8, where a dataset is read"

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from microplastic_aging.aging import FileFormatError
from microplastic_aging.cli import app
from microplastic_aging.data import checks
from microplastic_aging.data.load import load_samples
from microplastic_aging.data.propose import propose_manifest, write_proposal
from microplastic_aging.spectra.core import GRID, read_spectra, write_spectrum
from microplastic_aging.spectra.units import SpectrumFormatError
from microplastic_aging.terminal import level_lines

BAND = 0.02 + 0.5 * (abs(GRID - 1720) < 20)
OLD_NAME = os.fsdecode(b"f\xfcr \xff.csv")


@pytest.fixture
def folder(tmp_path):
    "Two spectra, a pipe, loops of links, and names that a terminal should not be given raw"
    write_spectrum(tmp_path / OLD_NAME, GRID, BAND)
    write_spectrum(tmp_path / "a\n\x1b[31m\u202eb.csv", GRID, 2 * BAND)
    os.mkfifo(tmp_path / "pipe.csv")
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "below").mkdir()
    (tmp_path / "below/up").symlink_to("..")
    return tmp_path


def test_folder_of_special_files(folder):
    "Each regular file is a sample once; what is none is named"
    table, notes = propose_manifest(folder, progress=False)
    assert len(table) == 2 and "f%FCr %FF.csv" in set(table.spectrum)
    skipped = notes[notes.kind == "skipped"].set_index("file").problem
    assert "a pipe" in skipped["pipe.csv"] and "a pipe" in skipped["pipe.tif"]
    assert "circle" in skipped["loop.csv"]


def test_name_that_is_not_utf8_leads_back(folder):
    "A proposal is UTF-8, and the file is found again from it"
    table, _ = propose_manifest(folder, progress=False)
    assert b"f%FCr %FF.csv" in write_proposal(folder, table).read_bytes()
    with pytest.warns(UserWarning, match="is read as `check` proposed it"):
        samples = load_samples(folder, progress=False)
    row = list(samples.table.spectrum).index("f%FCr %FF.csv")
    assert samples.file(row, "spectrum").name == OLD_NAME
    assert len(read_spectra(samples.file(row, "spectrum"))) == 1


@pytest.mark.parametrize("name", ["manifest.csv", "manifest.parquet", "manifest.xlsx", "provenance.json"])
def test_pipe_as_a_file_of_a_dataset(tmp_path, name):
    "A pipe is refused by name, and nobody waits"
    if name == "provenance.json":
        (tmp_path / "manifest.csv").write_text("sample_id,spectrum\na,a.csv\n")
    os.mkfifo(tmp_path / name)
    run = CliRunner().invoke(app, ["check", str(tmp_path)])
    assert run.exit_code == 1 and "is a device or a pipe" in run.output


def test_names_are_shown_escaped(folder):
    "No name steers the terminal"
    run = CliRunner().invoke(app, ["check", str(folder)])
    assert run.exit_code == 0 and not {"\x1b", "\u202e", "\udcff"} & set(run.output)
    run = CliRunner().invoke(app, ["check", str(folder / "gone\x1b[31m\udcff")])
    assert run.exit_code == 1 and "gone\\x1b[31m\\udcff" in run.output


def test_copies_are_compared_in_blocks(tmp_path):
    "Large files of one size are never whole in memory; those that differ at their end are no copies"
    for name, end in {"a": b"1", "b": b"2", "c": b"1"}.items():
        with open(tmp_path / name, "wb") as file:
            file.truncate(30_000_000)
            file.seek(0, os.SEEK_END)
            file.write(end)
    tracemalloc.start()
    copies = checks.find_copies([tmp_path / name for name in "abc"])
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert copies == [[tmp_path / "a", tmp_path / "c"]]


@pytest.mark.parametrize(
    "text", ["1,2\n" * 1_000_001, "1," * 500_001, "1000" + ",1" * 10_001 + "\n"], ids=["lines", "line", "columns"]
)
def test_text_that_is_too_much(tmp_path, text):
    "Refused before anything slow is done with it"
    (tmp_path / "big.csv").write_text(text)
    with pytest.raises(SpectrumFormatError, match="more than the"):
        read_spectra(tmp_path / "big.csv")


def test_many_problems_are_summed_up():
    "The first of each kind, and how many more there are"
    many = [(row, "spectrum", f"{row}.csv", "error", "file not found", "look for it") for row in range(2, 5002)]
    other = [(9, "sample_id", "a", "error", "already used in row 3", "rename it")]
    problems = pd.DataFrame([*many, *other], columns=["row", "column", "value", "level", "problem", "remedy"])
    lines = level_lines(problems)
    assert lines[0] == "5001 errors:" and len(lines) < 20
    assert any("and 4990 more: spectrum: file not found; --csv FILE writes them all" in line for line in lines)
    assert any("already used in row 3" in line for line in lines)


def _interrupted(job):
    raise KeyboardInterrupt


def test_workers_end_with_an_interruption(tmp_path, monkeypatch):
    "No worker lives on"
    jobs = [(len, "a")] * 64
    with pytest.raises(KeyboardInterrupt):
        checks.map_files(jobs, "task", False, 2, take=lambda job, result: _interrupted(job))
    assert not multiprocessing.active_children()


KILLED = """
import os, signal, sys, time
from microplastic_aging.data.checks import map_files

def wait(path):
    open(f"{path}-{os.getpid()}", "w").close()
    time.sleep(60)

map_files([(wait, sys.argv[1])] * 64, "task", False, 2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_where_their_parent_was_killed(tmp_path):
    "Within seconds, for who calls again would otherwise share the machine with them"
    parent = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "at")])
    until = time.monotonic() + 60
    while len(workers := [int(p.name.split("-")[-1]) for p in tmp_path.iterdir()]) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    assert len(workers) == 2 and all(Path(f"/proc/{pid}").exists() for pid in workers)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    while any(_runs(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(_runs(pid) for pid in workers)


def _runs(pid: int) -> bool:
    "Whether a process is there and has not ended"
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_missing_permission_is_a_typed_error(tmp_path):
    "A name that no path may hold, too"
    for path in ("a\0b", "x" * 5000, tmp_path / "gone"):
        with pytest.raises(FileFormatError, match="cannot be read"):
            read_spectra(path)
