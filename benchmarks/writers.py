"""What `races.py`, `kill.py` and `mixtures.py` share: five writers in small, and what a folder holds.

Each writer makes one kind of output from data of its own; `seed` names the data. Times, commits and seconds are left
out of what is compared: everything else must be equal byte by byte, or entry by entry in JSON."""

import hashlib
import json
import os
import sys
import time
import traceback
import warnings
from pathlib import Path

import pandas as pd

from microplastic_aging import cli, tasks
from microplastic_aging.aging import InputError
from microplastic_aging.simulate.benchmark import write_benchmark
from microplastic_aging.study.study import StudyConfig, run_study

N = 32  # Simulated samples of a dataset
# Entries of JSON that differ from run to run; the checksum of a head covers some of them
TIMED = {"seconds", "minutes", "commit", "asked", "out", "manifest", "files", "sha256"}
PAGES = {"report.html", "seconds.json", "environment.json"}  # Files that tell times


def dataset(work: Path, seed: int) -> Path:
    "A small simulated dataset of spectra and micrographs; another one for each seed"
    folder = work / f"data{seed}"
    if not folder.exists():
        write_benchmark(folder, N, seed, progress=False)
    return folder


def few(work: Path, seed: int) -> Path:
    "Two samples of it, for what takes a second a sample"
    folder = dataset(work, seed)
    if not (folder / "few.csv").exists():
        pd.read_csv(folder / "manifest.csv", dtype=str).head(2).to_csv(folder / "few.csv", index=False)
    return folder / "few.csv"


def write_study(work: Path, out: Path, seed: int):
    "A study of a network and a classical model, one epoch"
    models = ("spectrum", "classical_spectrum")
    config = StudyConfig(
        str(dataset(work, seed)), str(out), seed=seed, epochs=1, models=models, mode="control", stages=()
    )
    run_study(config, progress=False)


def write_model(work: Path, out: Path, seed: int):
    "A model of spectra, one epoch"
    cli.train(dataset(work, seed), out, seed=seed, modality=cli.ModalityName.spectrum, epochs=1)


def write_prediction(work: Path, out: Path, seed: int):
    "Tables, page and explanations of two samples"
    out.mkdir(exist_ok=True)
    cli.predict([few(work, seed)], out / "p.csv", explain=True)


def write_simulated(work: Path, out: Path, seed: int):
    "A simulated dataset"
    write_benchmark(out, 8, seed, progress=False)


def write_measures(work: Path, out: Path, seed: int):
    "Measures, their page and the figures for a paper"
    out.mkdir(exist_ok=True)
    settings = dict(polymer=None, reference=None, atr_corrected=False, scale_bar_um=None)
    tasks.print_measures([few(work, seed)], out / "m.csv", settings, figures=out / "figures")


WRITERS = dict(
    simulate=write_simulated, measure=write_measures, predict=write_prediction, train=write_model, study=write_study
)


def _untimed(content):
    "JSON without what differs from run to run"
    if isinstance(content, dict):
        return {k: _untimed(v) for k, v in content.items() if k not in TIMED}
    return [_untimed(v) for v in content] if isinstance(content, list) else content


def content(folder: Path) -> dict:
    "File -> digest of what it holds; hidden files count as well, for none may be left"
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in PAGES):
        raw = path.read_bytes()
        if path.suffix == ".safetensors":  # it writes its metadata in any order
            end = 8 + int.from_bytes(raw[:8], "little")
            raw = json.dumps(json.loads(raw[8:end]), sort_keys=True).encode() + raw[end:]
        if path.suffix == ".json":
            raw = json.dumps(_untimed(json.loads(raw)), sort_keys=True).encode()
        found[path.relative_to(folder).as_posix()] = hashlib.sha256(raw).hexdigest()[:12]
    return found


def litter(out: Path) -> list:
    "Hidden files beside an output and in it, which a normal end must not leave"
    beside = [p.name for p in out.parent.iterdir() if p.name.startswith(f".{out.name}")]
    return beside + [p.name for p in out.rglob(".*")]


class Child:
    "A writer in a process of its own, forked from this one, which has loaded everything"

    def __init__(self, kind: str, work: Path, out: Path, seed: int, delay: float = 0):
        self.said = work / f"said-{time.monotonic_ns()}"
        self.pid = os.fork()
        if not self.pid:
            self._run(kind, work, out, seed, delay)

    def _run(self, kind, work, out, seed, delay):
        code = 1
        try:
            with open(self.said, "w") as said:
                os.dup2(said.fileno(), 1), os.dup2(said.fileno(), 2)
                warnings.resetwarnings()
                warnings.showwarning = lambda message, *a, **k: print(message)
                time.sleep(delay)
                try:
                    WRITERS[kind](work, out, seed)
                    code = 0
                except InputError as e:
                    print(f"{type(e).__name__}: {e}")
                    code = 3  # refused in words
                except BaseException:
                    traceback.print_exc(file=sys.stdout)
                sys.stdout.flush()
        finally:
            os._exit(code)

    def wait(self) -> int:
        "0 done, 3 refused in words, 1 an error without type, -9 killed"
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    @property
    def words(self) -> str:
        return self.said.read_text() if self.said.exists() else ""


def alone(kind: str, work: Path, out: Path, seed: int) -> float:
    "Run a writer undisturbed; its seconds"
    start = time.time()
    child = Child(kind, work, out, seed)
    if child.wait():
        raise SystemExit(f"{kind}: {child.words}")
    return time.time() - start
