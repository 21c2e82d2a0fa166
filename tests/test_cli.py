"The command line as a stranger meets it: every mistake costs one line, every bug shows itself, and help comes at once"

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import call, said, tool
from typer.testing import CliRunner

from microplastic_aging.cli import app
from microplastic_aging.micrographs.core import write_micrograph
from microplastic_aging.spectra.core import write_spectrum
from microplastic_aging.tasks import unread_lines

ENTRY = "from microplastic_aging.cli import main; main()"
COMMANDS = ("check", "measure", "simulate", "study", "train", "predict", "report", "app")
COLUMNS = ["sample_id", "image", "spectrum", "specimen_id", "aging_type", "um_per_px"]


def run(*args):
    "One command line in this process"
    return CliRunner().invoke(app, [str(a) for a in args], prog_name="microplastic-aging")


def assert_refused(result, words, code=1):
    "The command ended by telling a mistake, in one line, and nothing else"
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert "Traceback" not in result.output and re.search(words, " ".join(lines)), result.output
    if code == 1:
        assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr


def write_rows(folder, rows, name="manifest.csv"):
    (folder / name).write_text("\n".join(",".join(row) for row in [COLUMNS, *rows]) + "\n", encoding="utf-8")
    return folder / name


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    "A folder of five good samples, two of them aged by UV; the test runs beside it"
    monkeypatch.chdir(tmp_path)
    folder, wn = tmp_path / "data", np.arange(600.0, 4001.0, 4)
    for sub in ("images", "spectra"):
        (folder / sub).mkdir(parents=True)
    for i in range(5):
        write_micrograph(folder / f"images/{i}.png", np.random.default_rng(i).random((24, 24)))
        bands = 0.3 * np.exp(-(((wn - 2916) / 12) ** 2)) + 0.1 * np.exp(-(((wn - 1464) / 10) ** 2))
        write_spectrum(folder / f"spectra/{i}.csv", wn, bands + np.random.default_rng(i).normal(0, 1e-4, wn.size))
    write_rows(
        folder,
        [
            (f"s{i}", f"images/{i}.png", f"spectra/{i}.csv", f"p{i}", "uv" if i < 2 else "unaged", "0.2")
            for i in range(5)
        ],
    )
    return folder


# ---- fast and helpful

SLOW_TO_LOAD = {"pandas", "scipy", "sklearn", "matplotlib", "torch", "fastai"}


LOADED = """import sys
from microplastic_aging.cli import main
try: main()
finally: print({modules} & set(sys.modules), file=sys.stderr)"""


def test_help_loads_nothing_slow():
    script = LOADED.format(modules=SLOW_TO_LOAD)
    done = call(sys.executable, "-c", script, "--help")
    assert done.returncode == 0 and done.stderr.rstrip().endswith("set()"), said(done)
    assert all(name in done.stdout for name in COMMANDS)
    assert call(tool("microplastic-aging"), "--help").stdout == done.stdout


def test_light_commands_load_no_torch(dataset):
    script = LOADED.format(modules={"torch", "fastai"})
    for line in (["--version"], ["check", dataset], ["study", "--help"], ["simulate", "few", "--samples", "8"]):
        done = call(sys.executable, "-c", script, *line, cwd=dataset.parent)
        assert done.returncode == 0 and done.stderr.rstrip().endswith("set()"), said(done)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command):
    result = run(command, "--help")
    assert result.exit_code == 0 and f"microplastic-aging {command} " in result.output and "Examples" in result.output


def test_the_overview_shows_data_before_models():
    lines = [line.split()[1:] for line in run("--help").output.splitlines() if line.strip().startswith("microplastic-")]
    assert {"check", "measure", "predict", "train", "study"} <= {command for command, *_ in lines}
    assert ["predict", "my_particles", "--out", "predictions.csv"] in lines  # no model is needed


def test_no_command_shows_help_and_is_no_success():
    result = run()
    assert result.exit_code == 2 and all(name in result.output for name in COMMANDS)


# ---- check


def plant_problems(folder):
    "A manifest with one known problem in each row from 3 on; returns row -> words that must tell it"
    (folder / "images/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (folder / "spectra/words.csv").write_text("once upon a time\nthere was a polymer\n")
    write_spectrum(folder / "spectra/short.csv", np.arange(600.0, 1200.0, 10), np.ones(60))
    shutil.copy(folder / "images/0.png", folder.parent / "outside.png")
    good = ("s", "images/0.png", "spectra/0.csv", "p", "uv", "0.2")
    planted = [
        dict(),
        dict(image="images/gone.png"),
        dict(sample_id="s2"),
        dict(image="images/broken.png"),
        dict(image="", um_per_px="", spectrum="spectra/words.csv"),
        dict(specimen_id="p2", aging_type="unaged"),
        dict(aging_type="ultraviolet"),
        dict(image="../outside.png"),
        None,
        dict(image="", spectrum="", um_per_px=""),
        dict(image="images/1.png", um_per_px="wide"),
        dict(image="", um_per_px="", spectrum="spectra/short.csv"),
    ]
    rows = [
        [""] * len(COLUMNS)
        if p is None
        else [
            (dict(zip(COLUMNS, good, strict=True)) | dict(sample_id=f"s{n}", specimen_id=f"p{n}") | p)[c]
            for c in COLUMNS
        ]
        for n, p in enumerate(planted, 2)
    ]
    write_rows(folder, rows)
    return {
        3: "not found",
        4: "already used in row 2",
        5: "broken.png",
        6: "words.csv",
        7: "'unaged' here and 'uv' in row 2",
        8: "not a class",
        9: r"leads out of the folder",
        10: "empty row",
        11: "neither is named",
        12: "not a positive number",
        13: "covers",
    }


def test_check_lists_every_problem_with_its_row(dataset):
    expected = plant_problems(dataset)
    result = run("check", "data", "--csv", "problems.csv")
    assert result.exit_code == 1 and "Traceback" not in result.output
    for row, words in expected.items():
        assert re.search(rf"^ +{row}  .*{words}", result.stdout, re.M), (
            f"row {row}, {words!r} is not told:\n{result.stdout}"
        )
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"10 errors and \d+ warnings? in data", lines[-1]), lines[-1]
    assert lines[0] == "10 errors:" and lines.index("10 errors:") < next(
        i for i, line in enumerate(lines) if re.match(r"\d+ warnings?:", line)
    )
    told = pd.read_csv("problems.csv")
    assert set(expected) <= set(told.row) and (told.level == "error").sum() == 10


def test_check_of_a_good_dataset(dataset):
    result = run("check", "data")
    assert result.exit_code == 0, result.output
    assert "5 samples: 5 with a micrograph, 5 with a spectrum; 5 groups by specimen_id" in result.stdout
    assert "simulated" not in result.stdout and re.search(r"^no errors and \d+ warnings? in data$", result.stdout, re.M)


def test_check_cannot_be_made_to_speak_in_colours(dataset):
    write_rows(dataset, [("s0", "images/\x1b[31mred.png", "", "p0", "uv", "")])
    result = run("check", "data")
    assert result.exit_code == 1 and "\x1b" not in result.stdout and "·[31mred.png" in result.stdout


def test_a_terminal_of_few_characters(dataset):
    write_rows(dataset, [("s0", "images/µm⁻¹.png", "", "p0", "uv", "")])
    done = call(sys.executable, "-c", ENTRY, "check", "data", cwd=dataset.parent, PYTHONIOENCODING="ascii")
    assert done.returncode == 1 and "Traceback" not in done.stderr and "1 error" in done.stdout, said(done)


# ---- mistakes

MISTAKES = {
    "no such manifest": (["check", "nowhere.csv"], "nowhere.csv: no such file"),
    "study of nothing": (["study", "nowhere.csv"], "nowhere.csv: no such file"),
    "train on nothing": (["train", "nowhere", "--out", "m"], "nowhere: no such file"),
    "unknown scheme": (["check", "data", "--scheme", "seven"], "none of seven_types, elementary, up_to_two"),
    "scheme is a picture": (["study", "data", "--scheme", "data/images/0.png"], r"0\.png: is not UTF-8"),
    "scheme lacks columns": (
        ["check", "data", "--scheme", "data/manifest.csv"],
        "needs the columns class, chemical, uv, physical",
    ),
    "class not in scheme": (["study", "data", "--scheme", "elementary"], "5 errors|not a class"),
    "no such label": (["study", "data", "--label", "colour"], "label column missing"),
    "no such group": (["train", "data", "--out", "m", "--group", "sheet"], "group column missing"),
    "folder is taken": (["simulate", "data"], "data: exists already"),
    "model folder is taken": (["train", "data", "--out", "data"], "data: exists already"),
    "too few samples": (["simulate", "few", "--samples", "3"], "at least 8 samples"),
    "csv over the input": (["check", "data", "--csv", "data/manifest.csv"], "is the input"),
    "csv into nowhere": (["check", "data", "--csv", "no/where.csv"], r"where.csv: .*make the folder first"),
    "csv over a picture": (["check", "data", "--csv", "PICTURE"], "is the input; name another file"),
    "table over a spectrum": (["predict", "data", "--out", "SPECTRUM"], "is the input; name another file"),
    "measures over a spectrum": (["measure", "data", "--out", "SPECTRUM"], "is the input; name another file"),
    "no such model": (["predict", "nowhere", "data"], "nowhere: no such file"),
    "output is a folder": (["predict", "data", "--out", "data"], "is a folder"),
    "output is the input": (["predict", "data", "--out", "data/manifest.csv"], "is the input"),
    "no such run": (["report", "nowhere"], "nowhere: no such file"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_costs_one_line(dataset, name):
    before = {p: p.read_bytes() for p in dataset.rglob("*") if p.is_file()}
    args, words = MISTAKES[name]
    inputs = dict(PICTURE=next(dataset.rglob("*.png")), SPECTRUM=next(dataset.rglob("spectra/*.csv")))
    result = run(*(inputs.get(arg, arg) for arg in args))
    if name == "class not in scheme":  # several rows, several lines
        assert result.exit_code == 1 and isinstance(result.exception, SystemExit) and re.search(words, result.stderr)
    else:
        assert_refused(result, words)
    assert {p: p.read_bytes() for p in dataset.rglob("*") if p.is_file()} == before


# The next ones load PyTorch before they can tell; a bad model folder must not be taken for a bug

LATE = {
    "unknown model name": (["study", "data", "--models", "fussion", "--out", "r"], "fussion"),
    "one class only": (["study", "one.csv", "--out", "r"], "class"),
    "samples for no fold": (["study", "data", "--out", "r"], "fold|samples"),
    "unknown device": (["train", "data", "--out", "m", "--device", "gpu"], "gpu"),
    "absent device": (["train", "data", "--out", "m", "--device", "cuda:99"], "cuda:99"),
    "not a model": (["predict", "data", "data"], "model"),
    "model is no JSON": (["predict", "words", "data"], "no JSON"),
    "model of the future": (["predict", "future", "data"], "format version 99"),
    "not a run": (["report", "data"], "run|study"),
}


@pytest.fixture
def models(dataset):
    "Folders that are almost models, beside the dataset"
    for name, text in {
        "words": "once upon a time",
        "future": '{"format": "microplastic_aging.model", "format_version": 99}',
    }.items():
        (dataset.parent / name).mkdir()
        (dataset.parent / name / "model.json").write_text(text)
    write_rows(
        dataset, [(f"s{i}", f"data/images/{i}.png", f"data/spectra/{i}.csv", f"p{i}", "uv", "0.2") for i in range(5)]
    ).rename("one.csv")
    write_rows(
        dataset,
        [
            (f"s{i}", f"images/{i}.png", f"spectra/{i}.csv", f"p{i}", "uv" if i < 2 else "unaged", "0.2")
            for i in range(5)
        ],
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LATE))
def test_a_late_mistake_costs_one_line(dataset, models, name):
    args, words = LATE[name]
    result = run(*args)
    assert isinstance(result.exception, SystemExit) and result.exit_code == 1, result.exception
    errors = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith("warning: ")]
    assert errors[-1].startswith("error: ") and re.search(words, errors[-1]) and "Traceback" not in result.output, (
        result.output
    )
    assert not (dataset.parent / "m").exists()


USAGE = {
    "unknown variant": (["simulate", "new", "--variant", "standart"], "standart"),
    "unknown modality": (["train", "data", "--out", "m", "--modality", "both"], "both"),
    "unknown command": (["chek", "data"], "chek"),
    "unknown option": (["check", "data", "--lable", "x"], "--lable"),
    "no epochs": (["study", "--epochs", "0"], "epochs"),
    "quick and full": (["study", "--quick", "--full"], "not both"),
    "no simulation": (["study", "data", "--samples", "50"], "simulated"),
    "no manifest": (["check"], "MANIFEST"),
    "no output": (["train", "data"], "--out"),
}


HINT = "one folder above them all, one manifest that lists them, or call once for each"
TWO_FOLDERS = {
    "check": (["check", "data", "more"], HINT, 2),
    "study": (["study", "data", "more"], HINT, 2),
    "measure": (["measure", "data", "more"], "data, more: a folder stands alone; give a folder that holds them all", 1),
    "predict": (["predict", "data", "more"], f"data: is no model.* {HINT}", 1),
    "predict with a model": (["predict", "data", "more", "again"], HINT, 2),
}


@pytest.mark.parametrize("name", TWO_FOLDERS)
def test_two_folders_in_one_call_have_a_remedy(dataset, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "400")
    for folder in ("more", "again"):
        shutil.copytree(dataset, folder)
    args, words, code = TWO_FOLDERS[name]
    assert_refused(run(*args), words, code)


def test_files_of_two_folders_are_measured_in_one_call(dataset):
    shutil.copy(dataset / "spectra/1.csv", dataset / "images")
    done = run("measure", dataset / "spectra/0.csv", dataset / "images/1.csv", "--polymer", "PE")
    assert done.exit_code == 0 and "2 samples: 2 spectra" in done.stdout, done.output


def test_a_file_that_cannot_be_read_is_named_and_so_is_a_folder_that_is_not_there(dataset):
    (dataset / "cut.0").write_bytes(b"\x0a\x0a\xfe\xfe" + bytes(40))
    refused = run("measure", dataset / "cut.0", "--out", "m.csv")
    assert_refused(refused, re.escape(f"error: {dataset / 'cut.0'}: "))
    done = run("measure", dataset / "spectra/0.csv", "--out", "m.csv", "--group", "Polymr")
    assert_refused(done, "--group 'Polymr' is no column of the table; did you mean polymer ")
    for command in ("measure", "predict"):
        nowhere = run(command, dataset / "spectra/0.csv", "--out", "new/folder/m.csv")
        assert_refused(nowhere, "--out new/folder/m.csv: the folder new/folder is not there; make it first")
        assert not Path("new").exists()


def test_files_are_counted_by_what_is_wrong_with_them():
    reasons = ["is black", "is 3 µm wide", "is 14 µm wide", "is 2.5 µm wide"]
    unread = pd.DataFrame(dict(file=list("abcd"), reason=reasons))
    first = "3 files could not be measured, such as b: is 3 µm wide"
    assert unread_lines(unread) == [first, "1 file could not be measured: a: is black"]


def test_one_bad_file_does_not_stop_a_batch(dataset):
    """`check` of a folder and `measure` end with 0 and say each bad file once, with 1 where nothing is left; `predict`
    in test_members.py"""
    batch, ruins = dataset.parent / "batch", dataset.parent / "ruins"
    for folder, files in ((batch, ("0.csv", "bad.csv")), (ruins, ("bad.csv",))):
        folder.mkdir()
        for name in files:
            (folder / name).write_text("no numbers")
    shutil.copy(dataset / "spectra/0.csv", batch)
    for command in ("measure", "check"):  # `check` leaves a proposal
        done = run(command, "batch")
        assert done.exit_code == 0 and done.output.count("bad.csv") == 1, done.output
        assert run(command, "ruins").exit_code == 1


@pytest.mark.parametrize("name", USAGE)
def test_a_wrong_command_line_ends_with_2(dataset, name):
    args, words = USAGE[name]
    assert_refused(run(*args), words, code=2)
    assert sorted(p.name for p in dataset.parent.iterdir()) == ["data"]


BROKEN = {
    "empty": b"",
    "header only": b"sample_id,image,spectrum\n",
    "binary": bytes(range(256)),
    "Latin-1": "sample_id,image\nä,ö.png\n".encode("latin-1"),
    "spreadsheet": b"PK\x03\x04" + bytes(60),
    "no columns": b"1,2\n3,4\n",
    "open quotation": b'sample_id,image\n"a,b.png\n',
    "too many cells": b"sample_id,image\na,b,c,d\n",
    "prose": b"Dear colleague,\n\nplease find the samples attached.\n",
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("command", ["check", "study", "train"])
def test_a_broken_manifest(tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifest.csv").write_bytes(BROKEN[name])
    result = run(command, "manifest.csv", *(["--out", "m"] if command == "train" else []))
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output and re.search("error", result.output)
    assert os.listdir(tmp_path) == ["manifest.csv"]


def test_a_folder_without_a_manifest(dataset):
    (dataset / "manifest.csv").unlink()
    assert_refused(run("study", "data"), "data: holds no manifest.csv; `microplastic-aging check` proposes")


# ---- bugs and Ctrl-C


def test_a_bug_shows_its_traceback(dataset):
    script = "import microplastic_aging.data.checks as m\nm.check_manifest = lambda *a: {}['bug']\n" + ENTRY
    done = call(sys.executable, "-c", script, "check", "data", cwd=dataset.parent)
    assert done.returncode == 1 and "Traceback" in done.stderr and "KeyError: 'bug'" in done.stderr, said(done)


def read_screen(screen):
    "What has come; '' once nobody writes any more"
    try:
        return os.read(screen, 1000).decode(errors="replace")
    except OSError:
        return ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal")
def test_ctrl_c_is_told_in_one_line(tmp_path):
    import termios

    screen, terminal = os.openpty()  # a bar is drawn where somebody looks on
    termios.tcsetwinsize(terminal, (24, 80))
    p = subprocess.Popen(
        [sys.executable, "-c", ENTRY, "simulate", "big", "--samples", "90"],
        cwd=tmp_path,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # a suite that runs in the background hands on that Ctrl-C is ignored
    os.close(terminal)
    head = ""
    while not re.search(r"\b[1-9]\d?/90 ", head) and (more := read_screen(screen)):
        head += more  # the bar has begun to count
    os.killpg(p.pid, signal.SIGINT)
    rest = "".join(iter(lambda: read_screen(screen), ""))
    p.wait()
    assert p.returncode == 130 and "Traceback" not in rest
    assert rest.rstrip().splitlines()[-1] == "interrupted; the same command starts from the beginning"
    assert os.listdir(tmp_path) == []


def test_a_reader_that_leaves(dataset):
    "`check ... | head -1` is no error of the user"
    write_rows(dataset, [(f"s{i}", "images/gone.png", "", "p", "uv", "") for i in range(20_000)])
    p = subprocess.Popen(
        [sys.executable, "-c", ENTRY, "check", "data"],
        cwd=dataset.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert p.stdout.readline() == "20000 errors:\n"
    p.stdout.close()
    assert "Traceback" not in p.communicate()[1]


@pytest.mark.parametrize("line", [("check", "loose"), ("predict", "model", "data")])
def test_a_scale_bar_needs_a_unit(dataset, line):
    (dataset.parent / "loose").mkdir()
    assert_refused(run(*line, "--scale-bar", "10"), "is no length with a unit", code=2)


def test_a_scale_bar_is_for_a_folder_without_manifest(dataset):
    assert_refused(run("check", "data", "--scale-bar", "10um"), "the column um_per_px", code=2)
