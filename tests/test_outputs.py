"Outputs never destroy inputs, one process writes at a time, and what is damaged or old is noticed"

import json
import os
import signal
import socket
import time
import warnings

import pandas as pd
import pytest

from microplastic_aging.aging import InputError
from microplastic_aging.data.arrays import load_arrays
from microplastic_aging.data.load import check_not_inputs
from microplastic_aging.data.manifest import read_samples
from microplastic_aging.data.measure import check_measure_output, measure
from microplastic_aging.files import OutputError
from microplastic_aging.options import check_problems_path
from microplastic_aging.outputs import check_outputs, explained_folder, output_paths
from microplastic_aging.simulate.benchmark import write_benchmark
from microplastic_aging.writers import check_new, new_folder, one_writer

INPUTS = ("images/s00000.png", "spectra/s00001.csv", "manifest.csv", "provenance.json")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    "A small simulated dataset"
    return write_benchmark(tmp_path_factory.mktemp("outputs") / "data", 8, progress=False).parent


def commands(source, path):
    "What each command asks before it writes a file"
    return dict(
        predict=lambda: check_outputs(source, path),
        measure=lambda: check_measure_output(source, path, {}),
        check=lambda: check_problems_path(path, source),
    )


@pytest.mark.parametrize("command", ["predict", "measure", "check"])
@pytest.mark.parametrize("name", INPUTS)
def test_no_command_writes_over_what_it_reads(data, tmp_path, command, name):
    "Neither under its own name nor under that of a hard link, wherever it lies"
    link = tmp_path / "new.csv"
    link.hardlink_to(data / name)
    for source in (data, data / "manifest.csv"):
        with pytest.raises(InputError, match="is the input"):
            commands(source, link)[command]()
    if name.endswith(".csv"):
        with pytest.raises(InputError, match="is the input"):
            commands(data, data / name)[command]()


@pytest.mark.parametrize("command", ["predict", "measure", "check"])
def test_no_command_writes_over_a_file_of_somebody_else(data, tmp_path, command):
    theirs = tmp_path / "theirs.csv"
    theirs.write_text("name,verdict by eye,remedy\nP1,old,none\n")
    with pytest.raises(OutputError, match="was not made by"):
        commands(data, theirs)[command]()


def test_samples_in_memory_have_inputs_too(data):
    samples = read_samples(data)
    for name in INPUTS:
        with pytest.raises(InputError, match="is the input"):
            check_not_inputs(samples, [data / name])
    check_not_inputs(samples, [data / "truth/severity.csv", data / "new.csv"])


@pytest.mark.parametrize("file", ["model.json", "study.json"])
def test_predictions_keep_out_of_models_and_studies(data, tmp_path, file):
    (tmp_path / file).write_text("{}")
    with pytest.raises(InputError, match="folder of a model or a study"):
        check_outputs(data, tmp_path / "predictions.csv")


def test_a_workbook_of_the_user_is_not_ours(data, tmp_path):
    pytest.importorskip("openpyxl")
    pd.DataFrame(dict(a=[1])).to_excel(tmp_path / "march.xlsx")
    with pytest.raises(OutputError, match="was not made by `measure`"):
        check_measure_output(data, tmp_path / "march.xlsx", {})


def test_a_folder_of_tables_replaces_its_own_only(data, tmp_path):
    found = measure([data / "spectra/s00001.csv"], progress=False)
    for _ in range(2):
        found.save(tmp_path)
    (tmp_path / "quality.csv").write_text("day,quality\n1,good\n")
    with pytest.raises(OutputError, match="quality.csv: exists and was not made"):
        found.save(tmp_path)


@pytest.mark.parametrize("kind", ["file", "full", "link"])
def test_a_new_folder_replaces_nothing(tmp_path, kind):
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    elif kind == "full":
        out.mkdir()
        (out / "mine").write_text("mine")
    else:
        out.symlink_to(tmp_path / "nowhere")
    for refuse in (lambda: check_new(out), lambda: new_folder(out).__enter__()):
        with pytest.raises(InputError, match="exists already"):
            refuse()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_a_folder_called_partial_is_the_users(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial/mine").write_text("mine")
    write_benchmark(tmp_path / "out", 8, progress=False)
    assert (tmp_path / "out.partial/mine").exists()


def killed_writer(out, seconds):
    "A child that begins a dataset at `out` and is killed"
    child = os.fork()
    if not child:
        with new_folder(out) as part:
            (part / "half").write_text("half")
            time.sleep(60)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_killed_writer_is_taken_over(tmp_path):
    killed_writer(tmp_path / "out", 0.5)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".out.lock", ".out.part"]
    with pytest.warns(UserWarning, match="takes over"):
        write_benchmark(tmp_path / "out", 8, progress=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
    assert not (tmp_path / "out/half").exists()


def test_two_writers_never_meet(tmp_path):
    ready, go = os.pipe()
    child = os.fork()
    if not child:
        with one_writer(tmp_path / "out"):
            os.write(go, b"1")
            time.sleep(60)
    os.read(ready, 1)
    with pytest.raises(OutputError, match=f"is being written by process {child} of .* minutes ago"):
        with one_writer(tmp_path / "out"):
            pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_another_computer_is_not_overruled(tmp_path):
    lock = tmp_path / ".out.lock"
    owner = dict(pid=1, user="maria", host=f"not-{socket.gethostname()}", since="2026-01-01T00:00:00")
    lock.write_text(json.dumps(owner))
    with pytest.raises(OutputError, match=r"maria on not-.* hours ago.*remove .*\.out\.lock"):
        with one_writer(tmp_path / "out"):
            pass
    assert lock.exists()


@pytest.mark.parametrize("piece", ["images", "spectra", "side file"])
def test_a_cache_knows_what_it_holds(data, tmp_path, piece):
    "Another content of the same size and date, or a side file that came later"
    samples = read_samples(data)
    cache = tmp_path / "cache"
    load_arrays(samples, 16, cache=cache, progress=False)
    (made,) = cache.iterdir()
    path = samples.file(0, "spectrum" if piece == "spectra" else "image")
    held, times = path.read_bytes(), path.stat()
    side = path.with_suffix(".txt")
    if piece == "side file":
        side.write_text("$CM_FORMAT x")
    else:
        path.write_bytes(samples.file(1, "spectrum" if piece == "spectra" else "image").read_bytes())
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    try:
        load_arrays(samples, 16, cache=cache, progress=False)
        assert len(list(cache.iterdir())) == 2
    finally:
        path.write_bytes(held)
        side.unlink(missing_ok=True)
    made.write_bytes(made.read_bytes()[:-500])
    with pytest.warns(UserWarning, match="is damaged, or holds other data"):
        load_arrays(samples, 16, cache=cache, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_arrays(samples, 16, cache=cache, progress=False)


def test_outputs_of_a_prediction_have_one_stem(tmp_path):
    names = {p.name for p in output_paths(tmp_path / "march.csv").values()}
    assert all(name.startswith("march") for name in names)
    assert explained_folder(tmp_path / "march.csv").name == "march_explained"
