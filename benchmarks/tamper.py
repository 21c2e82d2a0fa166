"""Tamper with models and schemes and use them: `python benchmarks/tamper.py [--n 2000] [--seed 0] [--show KIND]`
prints a table by kind of attack

A model that was tampered with is refused by a typed error that names it, or predicts as before, or is named in a
warning. Files are changed as they are, which the checksums in model.json must catch, and in the layout of version 0.1,
which has no checksums, so that every check of its own is reached.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import socket
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load, save

from microplastic_aging.aging import MECHANISMS, SEVEN_TYPES, InputError, find_scheme, plain_scheme
from microplastic_aging.attribute.attribution import ATTRIBUTION, Attributor, load_attributor, save_attributor
from microplastic_aging.data.manifest import read_samples
from microplastic_aging.explain.neighbours import SPECIMENS, nearest_specimens
from microplastic_aging.model.net import AgingNet
from microplastic_aging.model.store import DEFAULT_MODEL, save_model
from microplastic_aging.predict import predict
from microplastic_aging.simulate.benchmark import write_benchmark

SECONDS = 10
FORK = multiprocessing.get_context("fork")
WEIGHTS, HEAD = "model.safetensors", "model.json"
TENSOR_FILES = (WEIGHTS, ATTRIBUTION, SPECIMENS)
ADDED = ("sha256", "files")  # What version 0.1 did not write into model.json
WRONG = (None, -1, 0, 1e308, 1e-308, float("nan"), float("inf"), "x", [], {}, True, 2**63, 0.5, [[[]]], "\ud800")
VALUES = (
    ("format",),
    ("format_version",),
    ("config",),
    *[("config", k) for k in ("modality", "operator", "d", "heads", "drop", "modality_drop", "joint_gradient")],
    ("config", "image_encoder"),
    ("scheme",),
    *[("scheme", k) for k in ("name", "classes", "bits")],
    ("scheme", "bits", 0, 0),
    ("tensors_sha256",),
    ("card",),
    *[("card", k) for k in ("simulated", "view", "temperature", "began_with", "data")],
    *[("card", "view", k) for k in ("size_px", "fov_um")],
    ("card", "temperature", "image + spectrum"),
)


# ---- ways to change a file


def edit_head(folder, change):
    "Change the content of model.json"
    path = folder / HEAD
    head = json.loads(path.read_text())
    head = change(head) or head
    path.write_text(json.dumps(head))


def old_layout(folder):
    "Take away what version 0.1 did not write; the checksum of the weights is that of the file"
    head = json.loads((folder / HEAD).read_text())
    for name in ADDED:
        head.pop(name, None)
    (folder / HEAD).write_text(json.dumps(head))


def resealed(change, folder):
    "A change in the old layout, whose one checksum fits the weights"
    old_layout(folder)
    change(folder)
    sha = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    edit_head(folder, lambda head: head.update(tensors_sha256=sha))


def set_value(place, value, folder):
    "One value of model.json"

    def change(head):
        at = head
        for key in place[:-1]:
            at = at[key]
        at[place[-1]] = value

    edit_head(folder, change)


def drop_value(place, folder):
    def change(head):
        at = head
        for key in place[:-1]:
            at = at[key]
        at.pop(place[-1], None) if isinstance(at, dict) else at.pop()

    edit_head(folder, change)


def flip(name, seed, folder):
    "Some bytes of a file"
    rng, raw = random.Random(seed), bytearray((folder / name).read_bytes())
    for _ in range(rng.choice((1, 1, 4, 64))):
        early = rng.random() < 0.3
        raw[rng.randrange(min(len(raw), 2000) if early else len(raw))] = rng.randrange(256)
    (folder / name).write_bytes(raw)


def cut(name, share, folder):
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes(raw[: int(share * len(raw))])


def put(name, content, folder):
    "Another content in place of a file"
    (folder / name).write_bytes(content)


def copy_in(name, other, folder):
    "The file of another model"
    shutil.copy(other / name, folder / name)


def remove(name, folder):
    (folder / name).unlink()


def metadata_of(raw):
    length = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8 : 8 + length]).get("__metadata__", None)


def edit_tensors(name, change, folder):
    "Change the tensors of a file"
    raw = (folder / name).read_bytes()
    tensors = {k: np.asarray(v) for k, v in change(load(raw)).items()}
    (folder / name).write_bytes(save(tensors, metadata_of(raw)))


def edit_metadata(name, key, value, folder):
    raw = (folder / name).read_bytes()
    metadata = {**metadata_of(raw), key: value}
    (folder / name).write_bytes(save(load(raw), {k: v for k, v in metadata.items() if v is not None}))


def edit_header(name, change, folder):
    "Change the JSON header of a safetensors file, whatever the library thinks of it"
    raw = (folder / name).read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, rest = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    made = json.dumps(change(header) or header).encode()
    (folder / name).write_bytes(len(made).to_bytes(8, "little") + made + rest)


def stand_in(name, what, folder):
    "Something that is no regular file, or far too large a one, in place of a file"
    path = folder / name
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "link loop":
        path.symlink_to(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    else:
        with open(path, "wb") as file:
            file.truncate(6_000_000_000)


# ---- the attacks


def tensor_changes(names, rng):
    "Name -> a change of a dict of tensors"
    one, two = rng.sample(names, 2) if len(names) > 1 else (names[0], names[0])
    return {
        "renamed": lambda t: {("x" if k == one else k): v for k, v in t.items()},
        "removed": lambda t: {k: v for k, v in t.items() if k != one},
        "all removed": lambda t: {},
        "one added": lambda t: {**t, "more": np.zeros(3, np.float32)},
        "flat": lambda t: {**t, one: t[one].ravel()},
        "transposed": lambda t: {**t, one: np.ascontiguousarray(t[one].T[..., None])},
        "cut": lambda t: {**t, one: t[one].ravel()[:-1]},
        "empty": lambda t: {**t, one: t[one].ravel()[:0]},
        "nan": lambda t: {**t, one: np.full_like(t[one], np.nan, dtype=np.float32)},
        "infinite": lambda t: {**t, one: np.full_like(t[one], np.inf, dtype=np.float32)},
        "1e38": lambda t: {**t, one: np.full_like(t[one], 1e38, dtype=np.float32)},
        "zero": lambda t: {**t, one: np.zeros_like(t[one])},
        "negative": lambda t: {**t, one: -np.abs(t[one].astype(np.float32))},
        "double": lambda t: {**t, one: t[one].astype(np.float64)},
        "half": lambda t: {**t, one: t[one].astype(np.float16)},
        "bytes": lambda t: {**t, one: t[one].astype(np.uint8)},
        "large integers": lambda t: {**t, one: np.full(t[one].shape, 2**62)},
        "exchanged": lambda t: {**t, one: t[two], two: t[one]},
    }


def header_changes():
    def first(header):
        return header[next(k for k in header if k != "__metadata__")]

    return {
        "huge shape": lambda h: first(h).update(shape=[2**40, 2**40]),
        "negative shape": lambda h: first(h).update(shape=[-1]),
        "overlapping": lambda h: first(h).update(data_offsets=[0, 8]),
        "offsets beyond": lambda h: first(h).update(data_offsets=[0, 2**60]),
        "unknown type": lambda h: first(h).update(dtype="X9"),
        "other type": lambda h: first(h).update(dtype="BF16"),
        "metadata a list": lambda h: h.update(__metadata__=[1]),
        "a list": lambda h: [h],
        "100 000 tensors": lambda h: h.update({str(i): {} for i in range(100_000)}),
    }


def raw_heads():
    "Texts that are no model.json, or an odd one"
    whole = (DEFAULT_MODEL / HEAD).read_text()
    return {
        "empty": b"",
        "a list": b"[]",
        "a number": b"1",
        "deep lists": b"[" * 200_000,
        "deep dicts": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        "a huge integer": whole.replace('"format_version": 1', '"format_version": ' + "9" * 5000).encode(),
        "not UTF-8": b"\xff\xfe\x00\x80",
        "UTF-16": whole.encode("utf-16"),
        "with a mark of its encoding": whole.encode("utf-8-sig"),
        "a nul": whole.encode().replace(b"seven_types", b"seven\\u0000types"),
        "a key twice": whole.replace('"simulated": true', '"simulated": true, "simulated": false').encode(),
        "deep origin": whole.replace('"began_with": null', '"began_with": ' + deep_origin(400)).encode(),
        "NaN": whole.replace("0.6797905965140789", "NaN").encode(),
        "60 MB": b'{"a": "' + b"x" * 60_000_000 + b'"}',
    }


def deep_origin(n):
    "A model begun with a model that was begun with a model …"
    return '{"simulated": true, "began_with": ' * n + "null" + "}" * n


def other_models(work):
    "Models from which files are taken"
    torch.manual_seed(1)
    own = json.loads((DEFAULT_MODEL / HEAD).read_text())["card"]
    kinds = dict(
        weights=AgingNet(SEVEN_TYPES),
        labels=AgingNet(plain_scheme(["bio", "clean"])),
        image=AgingNet(SEVEN_TYPES, "image"),
        wide=AgingNet(SEVEN_TYPES, d=32),
    )
    for name, net in kinds.items():
        save_model(net, work / name, own | dict(temperature={}))
        attributor = load_attributor(DEFAULT_MODEL)
        scaled = {m: 0.5 * v for m, v in attributor.gate.threshold.items()}
        attributor.gate.threshold.update(scaled)
        if name == "weights":
            attributor = Attributor(attributor.distribution, attributor.gate, {}, {}, {})
        save_attributor(attributor, work / name)
        raw = load((DEFAULT_MODEL / SPECIMENS).read_bytes())
        names = {k: json.dumps(["other"] * len(raw["embedding"])) for k in ("names", "labels")}
        (work / name / SPECIMENS).write_bytes(save(raw, dict(format_version="1", **names)))
    return [work / name for name in kinds]


def head_attacks():
    for place in VALUES:
        name = ".".join(map(str, place))
        for value in WRONG:
            yield "a value, old layout", f"{name} = {value!r:.20}", [old_layout, partial(set_value, place, value)]
        if isinstance(place[-1], str):
            yield "a value, old layout", f"{name} removed", [old_layout, partial(drop_value, place)]
            yield "a value", f"{name} removed", [partial(drop_value, place)]
        yield "a value", f"{name} = 0.5", [partial(set_value, place, 0.5)]
    for name in ADDED:
        for value in WRONG:
            yield "a checksum", f"{name} = {value!r:.20}", [partial(set_value, (name,), value)]
        yield ("a checksum", f"{name} removed", [partial(drop_value, (name,))])
    for name, content in raw_heads().items():
        yield "the text of model.json", name, [partial(put, HEAD, content)]


TEMPERATURES = (0, -1, 1e308, float("nan"), 0.5, 2.0, "1", [1.0], True, 1e-300)
VIEWS = (dict(size_px=64), dict(size_px=320), dict(fov_um=10.0), dict(fov_um=None), dict(fov_um="auto"))
BAD_VIEWS = (dict(size_px=15), dict(size_px=10**6), dict(size_px=160.0), dict(fov_um=-5), dict(fov_um="wide"))


def meaning_attacks():
    "Changes that make another model of the same shape"
    for t in TEMPERATURES:
        place = ("card", "temperature", "image + spectrum")
        yield "a temperature", str(t), [partial(set_value, place, t)]
        yield "a temperature", f"{t}, old layout", [old_layout, partial(set_value, place, t)]
    for view in (*VIEWS, *BAD_VIEWS):
        for key, value in view.items():
            change = partial(set_value, ("card", "view", key), value)
            yield "the view", f"{key} = {value}", [change]
            yield "the view", f"{key} = {value}, old layout", [old_layout, change]
    names = list(SEVEN_TYPES.classes)
    bits = [list(b) for b in SEVEN_TYPES.bits]
    schemes = {
        "one class more": dict(classes=[*names, "more"], bits=[*bits, [0, 0, 0]]),
        "one class less": dict(classes=names[1:], bits=bits[1:]),
        "one class": dict(classes=names[:1], bits=bits[:1]),
        "none": dict(classes=[], bits=[]),
        "50 000 classes": dict(classes=[str(i) for i in range(50_000)], bits=None),
        "turned round": dict(classes=names[::-1], bits=bits),
        "other bits": dict(classes=names, bits=bits[::-1]),
        "no bits": dict(classes=names, bits=None),
        "twice": dict(classes=[names[0], *names[:7]], bits=bits),
        "not text": dict(classes=[None, *names[1:]], bits=bits),
        "very long": dict(classes=["x" * 200_000, *names[1:]], bits=bits),
        "line breaks": dict(classes=["a\nb\0", *names[1:]], bits=bits),
        "no character": dict(classes=["\ud800", *names[1:]], bits=bits),
        "empty": dict(classes=["", *names[1:]], bits=bits),
        "text for bits": dict(classes=names, bits=["100", *bits[1:]]),
        "two bits": dict(classes=names, bits=[[1, 0], *bits[1:]]),
    }
    for name, value in schemes.items():
        change = partial(set_value, ("scheme",), dict(name="seven_types", **value))
        yield "the classes", name, [change]
        yield "the classes", f"{name}, old layout", [old_layout, change]


def tensor_attacks(rng):
    for name in TENSOR_FILES:
        names = sorted(load((DEFAULT_MODEL / name).read_bytes()))
        for again in range(1 if name == SPECIMENS else 3):
            for what, change in tensor_changes(names, rng).items():
                edit = partial(edit_tensors, name, change)
                yield "tensors, old layout", f"{name} {what} {again}", [partial(resealed, edit)]
                if not again:
                    yield "tensors", f"{name} {what}", [edit]
        for what, change in header_changes().items():
            edit = partial(edit_header, name, change)
            yield "the header of tensors", f"{name} {what}", [partial(resealed, edit)]
        for length in (0, 1, 2**31, 2**60, 2**64 - 1):
            content = length.to_bytes(8, "little") + (DEFAULT_MODEL / name).read_bytes()[8:]
            yield (
                "the header of tensors",
                f"{name} of length {length}",
                [partial(resealed, partial(put, name, content))],
            )


GATES = ("[]", "{}", "1", "[", '{"scale": {}, "threshold": {}}', '{"scale": {"image": "x"}, "threshold": 1}')
TEXTS = (None, "", "null", "{}", "[1]", '["a"]', "[" * 100_000, '["image", "image"]', "NaN", "9" * 5000)


def metadata_attacks():
    gate = json.dumps(dict(scale=dict(image=-1, spectrum=0), threshold={"image": float("nan")}))
    for name, key in ((ATTRIBUTION, "sides"), (ATTRIBUTION, "gate"), (SPECIMENS, "names"), (SPECIMENS, "labels")):
        for text in (*TEXTS, *((*GATES, gate) if key == "gate" else ())):
            change = partial(edit_metadata, name, key, text)
            yield "beside the tensors", f"{name} {key} = {text!r:.30}", [old_layout, change]


def file_attacks(rng, others):
    files = (HEAD, *TENSOR_FILES)
    for name in files:
        for i in range(10):
            yield "bytes flipped", f"{name} {i}", [partial(flip, name, rng.random())]
        for i in range(6):
            yield "bytes flipped", f"{name} {i}, old layout", [old_layout, partial(flip, name, rng.random())]
        for share in (0, 0.001, 0.1, 0.5, 0.99):
            yield "cut", f"{name} to {share}", [partial(cut, name, share)]
        yield "removed", name, [partial(remove, name)]
        for what in ("folder", "pipe", "link loop", "device", "socket", "6 GB"):
            yield "no regular file", f"{name} {what}", [partial(stand_in, name, what)]
        for other in others:
            yield "of another model", f"{name} {other.name}", [partial(copy_in, name, other)]
            swap = partial(resealed, partial(copy_in, name, other))
            yield "of another model, old layout", f"{name} {other.name}", [swap]


SCHEME_HEAD = "class,chemical,uv,physical\n"
SCHEMES = {
    "with a mark of its encoding": b"\xef\xbb\xbfclass,chemical,uv,physical\na,1,0,0\nb,0,1,0\n",
    "a class twice": SCHEME_HEAD + "a,1,0,0\na,0,1,0\n",
    "a class twice but for spaces": SCHEME_HEAD + "a,1,0,0\n a ,0,1,0\n",
    "a note": "class,chemical,uv,physical,note\na,1,0,0,x\nb,0,1,0,\n",
    "a fourth mechanism": "class,chemical,uv,physical,heat\na,1,0,0,1\nb,0,1,0,0\n",
    "a column twice": "class,chemical,uv,physical,uv\na,1,0,0,1\nb,0,1,0,0\n",
    "a column without name": "class,chemical,uv,physical,\na,1,0,0,1\nb,0,1,0,0\n",
    "unknown columns": "name,heat\na,1\nb,0\n",
    "bits of 2": SCHEME_HEAD + "a,2,0,0\nb,0,1,0\n",
    "bits of -1": SCHEME_HEAD + "a,-1,0,0\nb,0,1,0\n",
    "bits of 1.0": SCHEME_HEAD + "a,1.0,0,0\nb,0,1,0\n",
    "bits of 1_0": SCHEME_HEAD + "a,1_0,0,0\nb,0,1,0\n",
    "bits of yes": SCHEME_HEAD + "a,yes,0,0\nb,0,1,0\n",
    "bits of 9…9": SCHEME_HEAD + f"a,{'9' * 5000},0,0\nb,0,1,0\n",
    "no bits": SCHEME_HEAD + "a,,,\nb,0,1,0\n",
    "short rows": SCHEME_HEAD + "a,1\nb,0,1,0\n",
    "long rows": SCHEME_HEAD + "a,1,0,0,7\nb,0,1,0\n",
    "a later long row": SCHEME_HEAD + "a,1,0,0\nb,0,1,0,1\n",
    "class last and lacking": "chemical,uv,physical,class\n1,0,0\n0,1,0,b\n",
    "an empty class": SCHEME_HEAD + ",1,0,0\nb,0,1,0\n",
    "empty": "",
    "a header": SCHEME_HEAD,
    "one class": SCHEME_HEAD + "a,1,0,0\n",
    "blank lines": SCHEME_HEAD + "\n\na,1,0,0\n\nb,0,1,0\n\n",
    "100 000 rows": SCHEME_HEAD + "".join(f"c{i},1,0,0\n" for i in range(100_000)),
    "None, NA and nan": SCHEME_HEAD + "None,1,0,0\nNA,0,1,0\nnan,0,0,1\nnull,0,0,0\n",
    "not UTF-8": b"class,chemical,uv,physical\n\xe4,1,0,0\nb,0,1,0\n",
    "UTF-16": (SCHEME_HEAD + "a,1,0,0\nb,0,1,0\n").encode("utf-16"),
    "nul": SCHEME_HEAD + "a\0,1,0,0\nb,0,1,0\n",
    "only nul": b"\0" * 1000,
    "a long cell": SCHEME_HEAD + "a" * 200_000 + ",1,0,0\nb,0,1,0\n",
    "a cell without end": SCHEME_HEAD + '"a,1,0,0\nb,0,1,0\n',
    "semicolons": (SCHEME_HEAD + "a,1,0,0\nb,0,1,0\n").replace(",", ";"),
    "returns": (SCHEME_HEAD + "a,1,0,0\nb,0,1,0\n").replace("\n", "\r"),
    "one line of 60 MB": b"a" * 60_000_000,
    "formulas": SCHEME_HEAD + "=1+1,1,0,0\n@b,0,1,0\n",
    "a line break": SCHEME_HEAD + '"a\nb",1,0,0\nb,0,1,0\n',
    "pictures": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
}
PLACES = ("folder", "pipe", "link loop", "device", "socket", "6 GB")


def scheme_attacks():
    for name, content in SCHEMES.items():
        raw = content if isinstance(content, bytes) else content.encode()
        yield name, partial(put, "scheme.csv", raw), "scheme.csv"
    for name in PLACES:
        yield name, partial(stand_in, "scheme.csv", name), "scheme.csv"
    yield "a name too long", lambda folder: None, "x" * 5000
    yield "a nul in the name", lambda folder: None, "x\0y"
    yield "an empty name", lambda folder: None, ""


# ---- what comes of them


def with_warnings(task):
    "What a task gives, and what was warned"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        return task(), {str(w.message) for w in said}


def limited(task):
    "A task in a process of its own, which is ended after some seconds: a pipe that is waited for hears no alarm"
    receive, send = FORK.Pipe(duplex=False)
    process = FORK.Process(target=lambda: send.send(task()), daemon=True)
    process.start()
    send.close()
    try:
        found = receive.recv() if receive.poll(SECONDS) else ("hang", f"took more than {SECONDS} s")
    except EOFError:
        found = ("untyped", "the process ended")
    process.kill()
    process.join()
    return found


def use_model(model, data):
    "All that a model says of some samples"
    found = predict(data, model, progress=False)
    run = found.evaluated
    near = nearest_specimens(run.folder, run.predictions.pooled)
    rest = [None if t is None else t.drop(columns="model", errors="ignore") for t in (found.specimens, found.shares)]
    return [found.table.drop(columns="model"), *rest, near]


def use_scheme(path, data):
    "A scheme, and the labels of a manifest under it"
    scheme = find_scheme(path)
    table = pd.DataFrame({"sample_id": range(len(scheme.classes[:5])), "aging_type": scheme.classes[:5]})
    table = table.assign(spectrum="s.csv", specimen_id=table.sample_id)
    own = data.parent / "labels.csv"
    table.to_csv(own, index=False)
    (data.parent / "s.csv").touch()
    y = read_samples(own, scheme=scheme).y
    if list(y) != list(range(len(y))):
        raise AssertionError(f"classes {scheme.classes[:5]} are read as {y}")
    if len(scheme.bits[0]) != len(MECHANISMS):
        raise AssertionError("bits of another length")
    return scheme


def same(a, b):
    "Whether two answers of `use_model` are equal to the last digit"
    tables = zip(a[:3], b[:3], strict=True)
    return a[3] == b[3] and all(x is y or (x is not None and x.equals(y)) for x, y in tables)


def outcome(task, place, baseline=None):
    "What becomes of a task: one word, and the error"
    try:
        found, said = with_warnings(task)
    except InputError as e:
        named = str(place) in str(e) or repr(place) in str(e)
        return ("refused", str(e)) if named else ("names no file", f"{type(e).__name__}: {e}")
    except Exception as e:
        return "untyped", f"{type(e).__name__}: {e}"
    if baseline is None:
        return "used", ""
    flagged = [s for s in said - baseline[1] if str(place) in s]
    if flagged:
        return "flagged", flagged[0]
    return ("the same", "") if same(found, baseline[0]) else ("silently other", "")


BAD = ("names no file", "untyped", "hang", "silently other")


def copied_model(work):
    shutil.rmtree(work / "model", ignore_errors=True)
    shutil.copytree(DEFAULT_MODEL, work / "model")
    return work / "model"


def try_models(work, n, seed):
    data = small_dataset(work)
    rng, baseline = random.Random(seed), with_warnings(lambda: use_model(copied_model(work), data))
    others = other_models(work)
    attacks = [
        *head_attacks(),
        *meaning_attacks(),
        *tensor_attacks(rng),
        *metadata_attacks(),
        *file_attacks(rng, others),
    ]
    for kind, name, changes in rng.sample(attacks, min(n, len(attacks))):
        model = copied_model(work)
        for change in changes:
            change(model)
        start = time.perf_counter()
        task = partial(outcome, partial(use_model, model, data), model, baseline)
        yield kind, name, *limited(task), time.perf_counter() - start


def try_schemes(work):
    home = work / "schemes"
    for name, change, file in scheme_attacks():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        (home / "scheme.csv").touch()
        change(home)
        path = str(home / file) if file == "scheme.csv" else file
        start = time.perf_counter()
        yield (
            "a scheme",
            name,
            *limited(partial(outcome, partial(use_scheme, path, home), path)),
            time.perf_counter() - start,
        )


def small_dataset(work):
    "Three particles: both modalities, a micrograph, a spectrum"
    folder = write_benchmark(work / "data", 24, seed=3, progress=False).parent
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False).head(3)
    table.loc[1, "spectrum"] = table.loc[2, "image"] = ""
    table.to_csv(folder / "three.csv", index=False)
    return folder / "three.csv"


def limit_memory(gigabytes=12):
    "What takes more than this shall fail here, and not the machine"
    resource.setrlimit(resource.RLIMIT_AS, (gigabytes << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))


def with_progress(rows):
    "The same rows; now and then a line on the way, since it takes minutes"
    for i, row in enumerate(rows):
        if i % 50 == 0:
            print(f"{i} tried", file=sys.stderr, flush=True)
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="a random part of the models, where there are more")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", help="print every outcome of this kind")
    args = parser.parse_args()
    torch.set_num_threads(1)
    limit_memory()
    with tempfile.TemporaryDirectory() as folder:
        rows = [*with_progress(try_models(Path(folder), args.n, args.seed)), *try_schemes(Path(folder))]
    found = pd.DataFrame(rows, columns=["kind", "name", "outcome", "error", "seconds"])
    table = pd.crosstab(found.kind, found.outcome, margins=True, margins_name="all")
    print(table.to_string())
    print(f"slowest {found.seconds.max():.1f} s: {found.name[found.seconds.idxmax()]}")
    bad = found[found.outcome.isin(BAD)]
    shown = found[found.kind == args.show] if args.show else bad
    for row in shown.itertuples():
        print(f"{row.kind} | {row.name} | {row.outcome} | {row.error[:160]!r}")
    return bool(len(bad))


if __name__ == "__main__":
    sys.exit(main())
