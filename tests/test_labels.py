"One's own labels, in the command line: the choice of the model, a novelty threshold, reasons, and what is refused"

import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from microplastic_aging.cli import app
from microplastic_aging.simulate.benchmark import write_benchmark

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("labels"), pytest.mark.filterwarnings("ignore")]


def run(*args):
    return CliRunner().invoke(app, [str(a) for a in args], prog_name="microplastic-aging")


def said_by(done):
    "What a command printed, or the error it ended with"
    return str(done.exception or "") + done.output


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    "60 simulated spectra with plain labels and a column of hours, and what `train` said of them"
    folder = tmp_path_factory.mktemp("labels")
    write_benchmark(folder / "data", 60, progress=False)
    table = pd.read_csv(folder / "data/manifest.csv", dtype=str).drop(columns=["image", "specimen_id"])
    table["bath"] = np.where(table.aging_type == "unaged", "fresh/new", "in the bath")
    table.assign(hours=12 * np.arange(60)).to_csv(folder / "data/manifest.csv", index=False)
    said = run("train", folder / "data", "--label", "bath", "--out", folder / "model", "--epochs", 1)
    assert said.exit_code == 0, said.output
    return folder, said.stdout


def test_spectra_alone_train_a_spectrum_model_and_it_is_said(trained):
    lines = trained[1].splitlines()
    assert lines[0] == "spectrum; of 60 labelled samples 0 have a micrograph and 60 a spectrum"
    assert lines[1].endswith("of 60 specimens are held out of training, to set the novelty threshold")


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


def test_a_model_without_threshold_says_that_nothing_is_refused(trained, tmp_path):
    folder, _ = trained
    rows = pd.read_csv(folder / "data/manifest.csv", dtype=str).head(12)
    rows.to_csv(folder / "data/twelve.csv", index=False)
    label = ("--label", "bath", "--out", tmp_path / "model", "--epochs", 1)
    assert run("train", folder / "data/twelve.csv", *label).exit_code == 0
    done = run("predict", tmp_path / "model", folder / "data/twelve.csv", "--out", tmp_path / "p.csv")
    assert done.exit_code == 0 and "has no novelty threshold (too few specimens" in done.stderr
    table = pd.read_csv(tmp_path / "p.csv", keep_default_na=False)
    assert set(table.in_distribution) == {""} and set(table.verdict) <= {"fresh/new", "in the bath", ""}


@pytest.fixture(scope="module")
def of_hours(trained):
    "A model of hours that mean nothing, and what `train` said of it"
    folder, _ = trained
    said = run("train", folder / "data", "--label", "hours", "--out", folder / "hours")
    assert said.exit_code == 0, said.output
    return folder, said.stdout


def test_hours_are_a_number_that_train_estimates(of_hours):
    folder, said = of_hours
    assert "hours from " in said and "mean absolute error" in said and "on held-out specimens, 60 in all" in said
    files = sorted(p.name for p in (folder / "hours").iterdir())
    assert files == ["number_model.json", "number_model.safetensors"]


def test_predict_gives_the_number_its_interval_and_refusals(of_hours, monkeypatch):
    folder, _ = of_hours
    monkeypatch.chdir(folder)
    rows = pd.read_csv("data/manifest.csv", dtype=str).head(3)
    rows.loc[2, "spectrum"] = "gone.csv"
    rows.to_csv("data/three.csv", index=False)
    done = run("predict", "hours", "data/three.csv", "--out", "three.csv")
    assert done.exit_code == 0 and "of 3 samples have no estimate" in done.output, done.output
    table = pd.read_csv("three.csv")
    estimated = table.hours_predicted.notna()
    assert ((table.low <= table.hours_predicted) & (table.hours_predicted <= table.high))[estimated].all()
    assert (table.in_distribution == (table.novelty_score <= 1)).all() and not estimated[2]
    assert table.note[2].startswith("no estimate: the model needs spectrum")
    refused = run("predict", "hours", "data/three.csv", "--out", "three.csv", "--explain")
    assert refused.exit_code == 1 and "is a model of a number, which has no explanations" in said_by(refused)


def test_predict_knows_a_model_of_a_number_in_the_wrong_place(of_hours):
    folder, _ = of_hours
    swapped = run("predict", folder / "data", folder / "hours")
    assert swapped.exit_code == 1 and "did you mean predict" in said_by(swapped)


def test_study_of_hours_says_that_they_cannot_be_estimated(of_hours):
    folder, _ = of_hours
    done = run("study", folder / "data", "--label", "hours", "--out", folder / "run")
    assert done.exit_code == 0, said_by(done)
    page = (folder / "run/report.html").read_text("utf-8")
    assert "It is not shown that hours can be estimated" in page and "simulated" in page
    (folder / "run/report.html").unlink()
    assert run("report", folder / "run").exit_code == 0 and (folder / "run/report.html").is_file()
    assert run("predict", folder / "run", folder / "data/three.csv", "--out", folder / "again.csv").exit_code == 0
    taken = run("study", folder / "data", "--label", "bath", "--out", folder / "run")
    assert taken.exit_code == 1 and "holds a study of a number" in said_by(taken)


def test_what_means_nothing_for_a_number_is_refused(trained):
    folder, _ = trained
    data, out = folder / "data", folder / "none"
    without = run("train", data, "--label", "hours", "--out", out, "--epochs", 2, "--from", "default")
    assert without.exit_code == 1 and "leave --epochs and --from out" in said_by(without)
    words = run("train", data, "--label", "bath", "--out", out, "--number")
    assert words.exit_code == 1 and "is no number, like 59 more" in said_by(words)
    quick = run("study", data, "--label", "hours", "--out", out, "--quick")
    assert quick.exit_code == 1 and "leave --quick out" in said_by(quick)
    assert not out.exists()  # another label may use the folder


def test_few_specimens_or_numbers_are_refused(trained):
    folder, _ = trained
    table = pd.read_csv(folder / "data/manifest.csv", dtype=str)
    table.head(9).to_csv(folder / "data/nine.csv", index=False)
    nine = run("train", folder / "data/nine.csv", "--label", "hours", "--out", folder / "none", "--number")
    assert nine.exit_code == 1 and "9 specimens; a regression tested on 5 folds needs 10" in said_by(nine)
    table.assign(hours=np.arange(60) % 2).to_csv(folder / "data/two.csv", index=False)
    two = run("train", folder / "data/two.csv", "--label", "hours", "--out", folder / "none", "--number")
    assert two.exit_code == 1 and "2 distinct numbers, 0 and 1" in said_by(two)
    assert not (folder / "none").exists()


def test_a_damaged_model_of_a_number_is_refused(of_hours, tmp_path):
    folder, _ = of_hours
    broken = shutil.copytree(folder / "hours", tmp_path / "broken")
    content = bytearray((broken / "number_model.safetensors").read_bytes())
    content[-1] ^= 1
    (broken / "number_model.safetensors").write_bytes(bytes(content))
    done = run("predict", broken, folder / "data", "--out", tmp_path / "out.csv")
    assert done.exit_code == 1 and "number_model.safetensors: is not the one" in said_by(done)


def test_a_further_mechanism_is_refused_by_name(trained):
    folder, _ = trained
    (folder / "mine.csv").write_text("class,chemical,uv,physical,thermal\nfresh/new,0,0,0,0\nin the bath,0,0,0,1\n")
    done = run("train", folder / "data", "--label", "bath", "--scheme", folder / "mine.csv", "--out", folder / "none")
    assert done.exit_code == 1 and "column 'thermal' looks like a mechanism" in str(done.exception or "") + done.output
