"""A model is what was saved, or it is refused; a scheme is a small table of text. `benchmarks/tamper.py` tries more."""

import json
import os
import shutil
import signal
import warnings
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load, save

from microplastic_aging.aging import SEVEN_TYPES, InputError, SchemeError, find_scheme
from microplastic_aging.attribute.attribution import load_attributor, save_attributor
from microplastic_aging.data.manifest import read_samples
from microplastic_aging.explain.neighbours import nearest_specimens
from microplastic_aging.model.header import ATTRIBUTION, HEAD, SPECIMENS, WEIGHTS, ModelFormatError, former_id, model_id
from microplastic_aging.model.net import AgingNet
from microplastic_aging.model.store import DEFAULT_MODEL, load_model, save_model

CARD = json.loads((DEFAULT_MODEL / HEAD).read_text())["card"]
BESIDE = (ATTRIBUTION, SPECIMENS)


@pytest.fixture
def model(tmp_path):
    "A copy of the model that comes with the package"
    return shutil.copytree(DEFAULT_MODEL, tmp_path / "model")


@pytest.fixture(autouse=True)
def alarm():
    "A pipe that is waited for ends the test"
    if hasattr(signal, "alarm"):
        signal.alarm(60)
        yield
        signal.alarm(0)
    else:
        yield


def use(folder):
    "Read all that a model consists of"
    net, attributor = load_model(folder), load_attributor(folder)
    return net, attributor, nearest_specimens(folder, np.zeros((1, 2 * net.config["d"])))


def edit(folder, *place, value, sealed=True):
    "Change one value of model.json; not sealed: in the layout of version 0.1, which has no checksums"
    head = json.loads((folder / HEAD).read_text())
    at = head
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    if not sealed:
        del head["sha256"], head["files"]
    (folder / HEAD).write_text(json.dumps(head))


def refused(folder, words, name=HEAD):
    with pytest.raises(ModelFormatError, match=words) as error:
        use(folder)
    assert error.value.path == folder / name


CHANGED = {
    "temperature": ("card", "temperature", "image", 0.7),
    "view": ("card", "view", "fov_um", 51.5),
    "size": ("card", "view", "size_px", 128),
    "order of classes": ("scheme", "classes", list(SEVEN_TYPES.classes[::-1])),
    "bits": ("scheme", "bits", SEVEN_TYPES.bits[::-1]),
    "origin": ("card", "simulated", False),
    "files": ("files", {}),
    "checksum": ("sha256", "0" * 64),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_value_changed_by_hand_is_refused(model, name):
    *place, value = CHANGED[name]
    edit(model, *place, value=value)
    refused(model, "changed after it was saved")


IMPOSSIBLE = {
    "temperature 0": ("card", "temperature", "image", 0),
    "temperature nan": ("card", "temperature", "image", float("nan")),
    "temperature 1e308": ("card", "temperature", "image", 1e308),
    "temperature of nothing": ("card", "temperature", {"smell": 1.0}),
    "view of a million pixels": ("card", "view", "size_px", 10**6),
    "view without end": ("card", "view", "fov_um", float("inf")),
    "network without end": ("config", "d", 2**40),
    "no name": ("config", "operator", [1]),
    "class without text": ("scheme", "classes", [None] * 8),
    "class on two lines": ("scheme", "classes", ["a\nb", *SEVEN_TYPES.classes[1:]]),
    "no character": ("scheme", "classes", ["\ud800", *SEVEN_TYPES.classes[1:]]),
    "no card": ("card", None),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_value_is_refused_without_a_checksum(model, name):
    *place, value = IMPOSSIBLE[name]
    edit(model, *place, value=value, sealed=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refused(model, "take the model from where it came")


def test_a_model_of_version_01_loads_with_one_warning(model):
    before = model_id(model)
    edit(model, "card", "note", value="as it was", sealed=False)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        use(model)
    assert len(said) == 1 and str(model / HEAD) in str(said[0].message)
    assert model_id(model) != before, "the identity covers the card"
    assert former_id(model) == former_id(DEFAULT_MODEL)


@pytest.mark.parametrize("name", BESIDE)
def test_a_file_beside_a_model_is_its_own(model, name):
    whole = (model / name).read_bytes()
    (model / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused(model, "is not the one that model.json describes", name)
    (model / name).unlink()
    refused(model, "is not there, and model.json names it", name)
    save_model(AgingNet(SEVEN_TYPES, "spectrum"), model, CARD | {"temperature": {}})  # no file is known of this one
    (model / name).write_bytes(whole)
    refused(model, "belongs to another model", name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", (HEAD, WEIGHTS, *BESIDE))
def test_a_pipe_in_place_of_a_file_is_not_waited_for(model, name):
    (model / name).unlink()
    os.mkfifo(model / name)
    refused(model, "is a device or a pipe", name)
    (model / name).unlink()
    (model / name).symlink_to(model / name)
    refused(model, "symbolic links", name)
    (model / name).unlink()
    with open(model / name, "wb") as file:
        file.truncate(6_000_000_000)
    refused(model, "holds 6,000,000,000 bytes", name)


def test_weights_that_overflow_are_reported(model, tmp_path):
    from microplastic_aging.blocks import _check_finite
    from microplastic_aging.model.predictions import Predictions

    whole = Predictions(np.ones((1, 8)), {}, np.zeros(1), np.ones((1, 4)))
    _check_finite(model, whole)
    whole.pooled[0, 0] = np.inf
    with pytest.raises(ModelFormatError, match="not finite"):
        _check_finite(model, whole)


def test_a_study_makes_a_damaged_attribution_again(model, monkeypatch):
    from microplastic_aging.study import calibration

    whole, made = load_attributor(model), []
    run = SimpleNamespace(main_model="fusion", model_folder=lambda name, fold: model)
    monkeypatch.setattr(calibration, "attribute_fold", lambda *_: made.append(save_attributor(whole, model)))
    assert calibration._own_attributor(run, 0).gate == whole.gate and not made
    (model / ATTRIBUTION).write_bytes(b"cut")
    assert calibration._own_attributor(run, 0).gate == whole.gate and len(made) == 1


# Each array of attribution.safetensors, made impossible in a model that has no checksum
ARRAYS = {
    "known|image|factor": np.zeros_like,
    "known|spectrum|means": lambda v: v[:, :-1],
    "known|image|centre": lambda v: v * np.nan,
    "rule|image + spectrum|spread": np.zeros_like,
    "spread|image": lambda v: -v,
    "held_out|image|y": lambda v: v + 100,
    "held_out|image|prob": lambda v: v[:-1],
    "held_out|image|group": lambda v: v + 2**40,
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_impossible_array_is_refused_without_a_checksum(model, name):
    edit(model, "card", "note", value="", sealed=False)
    raw = (model / ATTRIBUTION).read_bytes()
    metadata = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    tensors = load(raw)
    tensors[name] = np.ascontiguousarray(ARRAYS[name](tensors[name]))
    (model / ATTRIBUTION).write_bytes(save(tensors, metadata))
    with pytest.raises(ModelFormatError, match="put the right file back"):
        load_attributor(model)


HEADER = "class,chemical,uv,physical\n"
SCHEMES = {
    "a class twice": (HEADER + "a,1,0,0\na ,0,1,0\n", "more than once"),
    "a column twice": ("class,chemical,uv,physical,uv\na,1,0,0,1\nb,0,1,0,0\n", "more than one column 'uv'"),
    "other columns": ("name,heat\na,1\nb,0\n", "needs the columns"),
    "bits of 2": (HEADER + "a,2,0,0\nb,0,1,0\n", "other than 0 or 1"),
    "a bit too many": (HEADER + "a,1,0,0\nb,0,1,0,1\n", "row 3 has more cells"),
    "a class too few": ("chemical,uv,physical,class\n1,0,0\n0,1,0,b\n", "of 0 characters"),
    "empty": ("", "needs the columns"),
    "a row a sample": (HEADER + "".join(f"{i},1,0,0\n" for i in range(2000)), "2,000 rows"),
    "a long cell": (HEADER + "a" * 200_000 + ",1,0,0\nb,0,1,0\n", "field larger than"),
    "UTF-16": ((HEADER + "a,1,0,0\nb,0,1,0\n").encode("utf-16"), "not UTF-8"),
    "a picture of 2 MB": (bytes(2_000_000), "holds 2,000,000 bytes"),
    "two lines": (HEADER + '"a\nb",1,0,0\nb,0,1,0\n', "on one line"),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_that_is_none_is_refused_by_name(tmp_path, name):
    content, words = SCHEMES[name]
    path = tmp_path / "scheme.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SchemeError, match=words) as error:
        find_scheme(path)
    assert str(path) in str(error.value)


def test_a_folder_a_pipe_and_a_long_name_are_no_scheme(tmp_path):
    refusal = partial(pytest.raises, InputError)
    with refusal(match="is a folder"):
        find_scheme(tmp_path)
    for name in ("x" * 5000, "x\0y", ""):
        with refusal(match="is no file"):
            find_scheme(name)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with refusal(match="a device or a pipe"):
            find_scheme(tmp_path / "pipe")


def test_classes_called_none_and_na_are_text_in_scheme_and_manifest(tmp_path):
    names = ["None", "NA", "nan", "null"]
    bits = ("1,0,0", "0,1,0", "0,0,1", "0,0,0")
    rows = "".join(f"{name},{row}\n" for name, row in zip(names, bits, strict=True))
    (tmp_path / "scheme.csv").write_text("\ufeff" + HEADER + rows, encoding="utf-8")
    (tmp_path / "s.csv").touch()
    table = "".join(f"{i},s.csv,p{i},{name}\n" for i, name in enumerate([*names, ""]))
    (tmp_path / "manifest.csv").write_text("sample_id,spectrum,specimen_id,aging_type\n" + table)
    samples = read_samples(tmp_path, scheme=find_scheme(tmp_path / "scheme.csv"))
    assert list(samples.y) == [0, 1, 2, 3, -1]
    assert list(samples.table.aging_type) == [*names, ""]
    assert list(read_samples(tmp_path).scheme.classes) == sorted(names)
