"One's own labels, in the command line: the choice of the model, a novelty threshold, reasons, and what is refused"

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from microplastic_aging.cli import app
from microplastic_aging.simulate.benchmark import write_benchmark

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("labels"), pytest.mark.filterwarnings("ignore")]


def run(*args):
    return CliRunner().invoke(app, [str(a) for a in args], prog_name="microplastic-aging")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    "30 simulated spectra with plain labels and a column of hours, and what `train` said of them"
    folder = tmp_path_factory.mktemp("labels")
    write_benchmark(folder / "data", 30, progress=False)
    table = pd.read_csv(folder / "data/manifest.csv", dtype=str).drop(columns=["image", "specimen_id"])
    table["bath"] = np.where(table.aging_type == "unaged", "fresh/new", "in the bath")
    table.assign(hours=12 * np.arange(30)).to_csv(folder / "data/manifest.csv", index=False)
    said = run("train", folder / "data", "--label", "bath", "--out", folder / "model", "--epochs", 1)
    assert said.exit_code == 0, said.output
    return folder, said.stdout


def test_spectra_alone_train_a_spectrum_model_and_it_is_said(trained):
    lines = trained[1].splitlines()
    assert lines[0] == "spectrum; of 30 labelled samples 0 have a micrograph and 30 a spectrum"
    assert lines[1].endswith("of 30 specimens are held out of training, to set the novelty threshold")


def test_plain_labels_are_refused_out_of_distribution_and_explained(trained, monkeypatch):
    folder, _ = trained
    monkeypatch.chdir(folder)
    wavenumber = np.arange(600, 4001, 4.0)
    strange = np.random.default_rng(0).normal(0, 1, wavenumber.size).cumsum()
    pd.DataFrame(dict(w=wavenumber, a=(strange - strange.min()) / 20)).to_csv(
        "data/strange.csv", index=False, header=False
    )
    rows = pd.read_csv("data/manifest.csv", dtype=str).head(2)
    rows = pd.concat([rows, rows.tail(1).assign(sample_id="strange", spectrum="strange.csv")])
    rows.to_csv("data/few.csv", index=False)
    done = run("predict", "model", "data/few.csv", "--out", "few.csv", "--explain")
    assert done.exit_code == 0, done.output
    table = pd.read_csv("few.csv", keep_default_na=False).set_index("sample_id")
    assert not table.in_distribution["strange"] and table.verdict["strange"] == ""
    assert "out of distribution: novelty score" in table.note["strange"]
    assert table.novelty_score.astype(float).idxmax() == "strange"
    assert not [c for c in table if "mechanism" in c]
    page = (folder / "few_explained/index.html").read_text("utf-8")
    assert page.count("<img") >= 3 and "class " in page  # a class with a slash in its name is drawn too


def test_hours_are_no_classes(trained):
    folder, _ = trained
    for command in ("train", "study"):
        done = run(command, folder / "data", "--label", "hours", "--out", folder / "none")
        words = "column 'hours' holds 30 distinct numbers, 0 to 348"
        assert done.exit_code == 1 and words in str(done.exception or "") + done.output, done.output
    assert not (folder / "none").exists()  # another label may use the folder


def test_a_further_mechanism_is_refused_by_name(trained):
    folder, _ = trained
    (folder / "mine.csv").write_text("class,chemical,uv,physical,thermal\nfresh/new,0,0,0,0\nin the bath,0,0,0,1\n")
    done = run("train", folder / "data", "--label", "bath", "--scheme", folder / "mine.csv", "--out", folder / "none")
    assert done.exit_code == 1 and "column 'thermal' looks like a mechanism" in str(done.exception or "") + done.output
