"Many spectra in one file are samples, from the command line, without a line of Python"

import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from microplastic_aging.cli import app
from microplastic_aging.data import checks, members, names
from microplastic_aging.data.arrays import _cache_file, content_table, load_arrays
from microplastic_aging.data.checks import check_manifest
from microplastic_aging.data.load import load_samples, load_with_notes
from microplastic_aging.data.manifest import read_samples
from microplastic_aging.data.measure import measure
from microplastic_aging.data.members import read_member
from microplastic_aging.data.propose import propose_manifest
from microplastic_aging.data.table import write_manifest
from microplastic_aging.micrographs.core import write_micrograph
from microplastic_aging.spectra.core import read_spectra
from microplastic_aging.spectra.units import SpectrumFormatError

WN = np.arange(600.0, 4001.0, 4.0)
N = 380


def run(*args):
    "One command line in this process"
    return CliRunner().invoke(app, [str(a) for a in args], prog_name="microplastic-aging")


def spectra(n=N):
    "Simulated spectra of different heights, shape (n, 851)"
    rng = np.random.default_rng(0)
    bands = [(2916, 19, 1.0), (2848, 13, 0.86), (1464, 13, 0.24), (719, 10, 0.3), (1715, 20, 0.2)]
    heights = rng.uniform(0.3, 1, (n, len(bands)))
    shapes = np.array([h * np.exp(-4 * np.log(2) * ((WN - at) / w) ** 2) for at, w, h in bands])
    return heights @ shapes + rng.normal(0, 1e-3, (n, WN.size))


def write_wide(path, values, layout="rows", **columns):
    "A table with one spectrum a row or a column, and text columns beside the rows"
    names = [f"particle {k}" for k in range(1, len(values) + 1)]
    if layout == "columns":
        pd.DataFrame(values.T.round(5), WN, names).to_csv(path, index_label="wavenumber cm-1")
        return path
    table = pd.DataFrame(values.round(5), columns=[f"{w:g}" for w in WN])
    for place, (name, texts) in enumerate(({"name": names} | columns).items()):
        table.insert(place, name, texts)
    (table.to_excel if path.suffix == ".xlsx" else table.to_csv)(path, index=False)
    return path


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    "A folder for each layout, with one wide table of 380 spectra"
    root = tmp_path_factory.mktemp("trial")
    for layout in ("rows", "columns"):
        (root / layout).mkdir()
        write_wide(root / layout / "table.csv", spectra(), layout)
    return root


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_a_wide_table_goes_through_check_and_predict(trial, layout, monkeypatch):
    monkeypatch.chdir(trial)
    checked = run("check", layout)
    assert checked.exit_code == 0, checked.output
    assert f"{N} samples of {N} specimens" in checked.output and checked.output.count("\n") < 15, checked.output
    assert run("check", layout).exit_code == 0  # once more, over its own proposal
    if layout == "columns":  # the same 380 spectra; predicting them once is enough
        return
    done = run("predict", layout, "--out", f"{layout}.csv")
    assert done.exit_code == 0, done.output
    assert "is read as `check` proposed it" in done.stderr
    table = pd.read_csv(f"{layout}.csv")
    assert len(table) == N and table.spectrum[16] == "table.csv#particle 17"
    assert table.note.str.contains("without a unit|have no unit").all()  # a doubt of the reader is in the note


def test_a_wide_table_is_read_once_and_soon(trial):
    started = time.process_time()
    table, _ = propose_manifest(trial / "rows")
    path = write_manifest(trial / "rows", table)
    problems = check_manifest(path)
    checked = time.process_time()
    arrays = load_arrays(load_samples(path), size_px=8)
    path.unlink()
    assert arrays.has_spectrum.sum() == N and not (problems.level == "error").any()
    assert checked - started < 10 and time.process_time() - checked < 10


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_number_and_name_are_the_same_spectrum(trial, layout):
    file = trial / layout / "table.csv"
    by_name, by_number = read_member(f"{file}#particle 17"), read_member(f"{file}#17")
    assert by_name is by_number
    np.testing.assert_allclose(by_name.absorbance, spectra()[16], atol=1e-5)


def test_a_name_that_is_not_there_is_refused(trial):
    with pytest.raises(SpectrumFormatError, match="holds 380 spectra, and none is called 'particl 17'; did you mean"):
        read_member(f"{trial}/rows/table.csv#particl 17")
    with pytest.raises(SpectrumFormatError, match="none is number 381"):
        read_member(f"{trial}/rows/table.csv#381")
    with pytest.raises(SpectrumFormatError, match="name one of them, such as table.csv#particle 1 "):
        read_member(trial / "rows/table.csv")


def test_a_file_that_is_called_so_wins(tmp_path):
    write_wide(tmp_path / "t.csv", spectra(3))
    write_wide(tmp_path / "t.csv#2", spectra(4)[3:])
    np.testing.assert_allclose(read_member(tmp_path / "t.csv#2").absorbance, spectra(4)[3], atol=1e-5)
    np.testing.assert_allclose(read_member(tmp_path / "t.csv#3").absorbance, spectra(3)[2], atol=1e-5)


def test_text_columns_become_columns_of_the_manifest(tmp_path):
    texts = {"Polymer": ["PE", "PE", "PP"], "Ageing type": ["uv", "unaged", ""], "operator": ["Ada", "Bo", "Ada"]}
    write_wide(tmp_path / "march.csv", spectra(3), **texts, specimen=["a", "a", "b"])
    table, _ = propose_manifest(tmp_path)
    assert table.polymer.tolist() == ["PE", "PE", "PP"] and table.aging_type.tolist() == ["uv", "unaged", ""]
    assert table.operator.tolist() == ["Ada", "Bo", "Ada"] and table.specimen_id.tolist() == ["a", "a", "b"]


def test_the_column_of_the_very_name_wins(tmp_path):
    write_wide(tmp_path / "t.csv", spectra(), "rows", Polymer=["PE"] * N, polymer=["PP"] * N)
    done = run("check", tmp_path / "t.csv")
    assert done.exit_code == 0, done.output
    proposed = pd.read_csv(tmp_path / "proposed_manifest.csv", dtype=str)
    assert set(proposed.polymer) == {"PP"} and set(proposed.table_Polymer) == {"PE"}


def test_what_a_table_adds_to_the_manifest_is_said(tmp_path):
    texts = {"Polymer": ["PE"] * 12, "Site": ["quay"] * 12, "operator": [""] * 12}
    write_wide(tmp_path / "march.csv", spectra(12), **texts)
    said = run("check", tmp_path).stdout
    assert "its text stands in the proposal as polymer, site;" in said, said


def test_a_row_is_called_alike_everywhere(tmp_path, monkeypatch):
    "`march.csv#17`, in the proposal and in the sheet of measures, whether it has a name or a number"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab").mkdir()
    numbered = pd.DataFrame(spectra(3).T.round(5), WN)
    numbered.to_csv(tmp_path / "lab/march.csv", header=False)
    write_wide(tmp_path / "lab/named.csv", spectra(4)[2:])
    called = ["march.csv#1", "march.csv#2", "march.csv#3", "named.csv#particle 1", "named.csv#particle 2"]
    sheet = measure("lab", "PE", progress=False).table
    assert sheet.sample_id.tolist() == sheet.spectrum.tolist() == called
    run("check", "lab")
    assert pd.read_csv("lab/proposed_manifest.csv").sample_id.tolist() == called


def test_copies_are_named_in_natural_order(tmp_path):
    values = spectra(30)
    values[26] = values[2]
    write_wide(tmp_path / "t.csv", values, name=[str(k) for k in range(1, 31)])
    for k in (9, 10):
        write_wide(tmp_path / f"p{k}.csv", values[:1])
    notes = propose_manifest(tmp_path)[1]
    assert notes.file[notes.problem == "hold the same measurement"].tolist() == ["p9.csv, p10.csv", "t.csv#3, t.csv#27"]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_folder_without_a_table_is_read_once(tmp_path, monkeypatch, processes):
    "To find out what lies there, and to measure it; by several processes too"
    (tmp_path / "lab").mkdir()
    for k, row in enumerate(spectra(6)):
        write_wide(tmp_path / f"lab/s{k}.csv", row[None])
    write_wide(tmp_path / "lab/table.csv", spectra(8)[6:])
    log = tmp_path / "log"

    def read_and_log(path):
        with log.open("a") as file:
            file.write(f"{path}\n")
        return read_spectra(path)

    for module in (names, members):
        monkeypatch.setattr(module, "read_spectra", read_and_log)
    monkeypatch.setattr(checks, "_POOL_ABOVE", 0 if processes > 1 else 100)
    found = measure(tmp_path / "lab", progress=False)
    assert len(found.read.spectra) == 8 and not len(found.unread)
    read = log.read_text().splitlines()
    assert len(read) == len(set(read)) == 7, read


def test_a_table_meets_the_micrographs_of_its_particles(tmp_path):
    write_wide(tmp_path / "table.csv", spectra(3))
    write_micrograph(tmp_path / "particle 2.png", np.random.default_rng(0).random((24, 24)))
    table, _ = propose_manifest(tmp_path)
    paired = table[table.image != ""]
    assert paired[["image", "spectrum", "pairing"]].values.tolist() == [
        ["particle 2.png", "table.csv#particle 2", "by name"]
    ]
    assert len(table) == 3


def test_a_change_of_the_table_is_seen(tmp_path):
    values = spectra(3)
    write_wide(tmp_path / "t.csv", values)
    rows = [dict(sample_id=str(k), spectrum=f"t.csv#{k}", specimen_id=str(k), aging_type="uv") for k in (1, 2, 3)]
    samples = read_samples(write_manifest(tmp_path, pd.DataFrame(rows)))
    before = load_arrays(samples, size_px=8)
    key, content = _cache_file(samples, (8, None), tmp_path), content_table(samples, before)
    values[1] *= 1.5
    write_wide(tmp_path / "t.csv", values)
    changed = content_table(samples, load_arrays(samples, size_px=8)).spectrum != content.spectrum
    assert changed.tolist() == [False, True, False] and _cache_file(samples, (8, None), tmp_path) != key


def test_curves_of_one_measurement_are_no_particles(tmp_path):
    table = pd.DataFrame({"wavenumber cm-1": WN, "absorbance": spectra(1)[0], "reference absorbance": spectra(2)[1]})
    table.to_csv(tmp_path / "P01.csv", index=False)
    proposed, notes = propose_manifest(tmp_path)
    assert proposed.empty and notes.kind.tolist() == ["several spectra"]


def test_a_workbook_is_a_table_and_a_manifest(tmp_path):
    pytest.importorskip("openpyxl")
    write_wide(tmp_path / "t.xlsx", spectra(3))
    assert load_samples(tmp_path / "t.xlsx").table.spectrum.tolist() == [f"t.xlsx#particle {k}" for k in (1, 2, 3)]
    rows = pd.DataFrame(dict(sample_id=["a", "b"], spectrum=["t.xlsx#1", "t.xlsx#particle 3"], specimen_id=["a", "b"]))
    rows.to_excel(tmp_path / "manifest.xlsx", index=False)
    problems = check_manifest(tmp_path)
    assert not (problems.level == "error").any(), problems


def test_without_openpyxl_the_extra_is_named(tmp_path, monkeypatch):
    pytest.importorskip("openpyxl")
    write_wide(tmp_path / "t.xlsx", spectra(2))
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(SpectrumFormatError, match=r"\[excel\]"):
        read_member(f"{tmp_path}/t.xlsx#1")


def test_what_cannot_be_read_stands_in_the_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab/jar").mkdir(parents=True)
    write_wide(tmp_path / "lab/table.csv", spectra(2))
    write_wide(tmp_path / "lab/jar/measured.csv", spectra(1))
    write_micrograph(tmp_path / "lab/jar/overview.png", np.random.default_rng(0).random((24, 24)))
    (tmp_path / "lab/broken.spa").write_bytes(b"not a spectrum")
    (tmp_path / "lab/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    samples, notes = load_with_notes(tmp_path / "lab")
    assert {"broken.spa", "broken.png"} <= {*samples.table.spectrum, *samples.table.image}
    assert sum("only by their folder" in note for note in notes) == 1
    done = run("predict", "lab")
    assert done.exit_code == 0, done.output  # one bad file does not stop a batch
    table = pd.read_csv("predictions.csv", keep_default_na=False).set_index("spectrum")
    assert table.note["broken.spa"].startswith("no verdict") and table.verdict["broken.spa"] == ""
    assert "paired only because they lie in one folder" in done.stderr
    assert "paired only because they lie in one folder" in (tmp_path / "predictions.html").read_text("utf-8")


def test_files_in_no_row_are_counted(tmp_path):
    for name in ("a.csv", "b.csv"):
        write_wide(tmp_path / name, spectra(1))
    write_manifest(tmp_path, pd.DataFrame([dict(sample_id="a", spectrum="a.csv", specimen_id="a", aging_type="uv")]))
    said = "1 file beside the manifest is named by no row, such as b.csv"
    assert said in run("check", tmp_path).stdout
    predicted = run("predict", tmp_path, "--out", tmp_path / "p.csv")
    assert predicted.exit_code == 0 and said in predicted.stderr
    assert said in (tmp_path / "p.html").read_text("utf-8")


def test_a_proposal_that_lacks_files_is_to_be_removed(tmp_path):
    write_wide(tmp_path / "a.csv", spectra(1))
    assert run("check", tmp_path).exit_code == 0 and run("check", tmp_path).exit_code == 0
    write_wide(tmp_path / "b.csv", spectra(2)[1:])
    again = run("check", tmp_path)
    assert again.exit_code == 1
    assert "it lacks 1 of 2 samples, such as b: remove it, and `check` writes a new one" in " ".join(
        again.stderr.split()
    )


@pytest.mark.parametrize("command", ["train", "study"])
def test_spectra_without_a_manifest_are_not_trained_on(tmp_path, command):
    write_wide(tmp_path / "rows.csv", spectra(6), treatment=list("aabbab"))
    for place, found in (("rows.csv", "has no column sample_id"), ("", "holds no manifest.csv")):
        done = run(command, tmp_path / place, "--label", "treatment", "--out", tmp_path / "out")
        assert done.exit_code == 1 and f"{tmp_path / place}: {found}" in done.stderr, done.output
        assert "`microplastic-aging check` proposes" in done.stderr and done.stderr.count("\n") == 1
    assert run("check", tmp_path).exit_code == 0
    assert (
        "look at proposed_manifest.csv and save it as manifest.csv"
        in run(command, tmp_path, "--out", tmp_path / "out").stderr
    )


def test_model_and_data_in_the_wrong_order(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/model.json").write_text("{}")
    (tmp_path / "data").mkdir()
    assert "did you mean predict" in run("predict", tmp_path / "data", tmp_path / "mine").stderr
    assert "no data are named" in run("predict", tmp_path / "mine").stderr
