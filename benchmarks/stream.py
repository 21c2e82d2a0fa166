"""Wall time and memory of `predict` on 1000, 10 000 and 100 000 simulated spectra, in tables and in single files, and
a call that is killed and goes on.

`python benchmarks/stream.py` writes microplastic_aging/assets/results/speed_stream.json; half an hour on two cores, and
Linux only. Memory is that of the command and of the processes that read for it: each page once (PSS), and as the sum
of what each process counts as its own (RSS), in which what they share counts several times. The peer is the plain
loop: one sample at a time.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from microplastic_aging.files import write_atomic
from microplastic_aging.simulate.spectra import simulate_spectrum, spectrum_specimen
from microplastic_aging.spectra.core import GRID

OUT = Path(__file__).resolve().parents[1] / "microplastic_aging/assets/results/speed_stream.json"
EACH, ALONE = 1000, 60  # Spectra of a table or folder; samples asked one by one
LOOK_S = 2  # Between two looks at the memory: the kernel counts pages at each, on a core that the command could use
MOST_MIB, MOST_SECONDS = 1.5e9 / 2**20, 150  # Of 100 000 samples
ONE_TABLE_SECONDS = 60  # Of 10 000 spectra in one table
COMMAND = [sys.executable, "-c", "from microplastic_aging.cli import main; main()", "predict"]


# ---- data


def spectra(n: int, seed: int) -> np.ndarray:
    "A few hundred simulated spectra with fresh noise and contact, shape (n, 851)"
    rng = np.random.default_rng(0)
    specimens = [spectrum_specimen(rng, ("PE", "PP", "PS", "PET")[i % 4]) for i in range(400)]
    severity = rng.uniform(0, 1, (400, 3)) * (rng.random((400, 3)) < 0.5)
    base = np.array([simulate_spectrum(rng, *pair) for pair in zip(specimens, severity, strict=True)])
    rng = np.random.default_rng([1, seed])
    contact = rng.uniform(0.8, 1.25, (n, 1))
    return base[rng.integers(len(base), size=n)] * contact + rng.normal(0, 0.002, (n, GRID.size))


def write_part(folder: Path, kind: str, k: int, n: int) -> list:
    "Table or files number `k`; names of its spectra below the folder"
    values = spectra(n, k)
    if kind != "files":
        row = "s%d" + ",%.5f" * GRID.size
        lines = [row % (j, *v) for j, v in enumerate(values)]
        (folder / f"table_{k}.csv").write_text("\n".join(["name," + ",".join(f"{x:g}" for x in GRID), *lines]) + "\n")
        return [f"table_{k}.csv#s{j}" for j in range(n)]
    (folder / f"d{k}").mkdir()
    form = "wavenumber_cm-1,absorbance\n" + "".join(f"{x:g},%.5f\n" for x in GRID)
    for j, v in enumerate(values):
        (folder / f"d{k}/{j}.csv").write_text(form % tuple(v))
    return [f"d{k}/{j}.csv" for j in range(n)]


def write_data(folder: Path, kind: str, n: int) -> Path:
    "Simulated spectra, two views of each specimen, at four sites"
    folder.mkdir()
    each = n if kind == "one table" else EACH
    names = [name for k in range(0, n, each) for name in write_part(folder, kind, k // each, min(each, n - k))]
    specimen = np.arange(n) // 2
    table = dict(sample_id=[f"v{i}" for i in range(n)], spectrum=names, specimen_id=specimen, site=specimen % 4)
    pd.DataFrame(table).to_csv(folder / "manifest.csv", index=False)
    (folder / "provenance.json").write_text('{"simulated": true}')
    return folder


# ---- measuring


def family(pid: int) -> list:
    "A process and all below it"
    try:
        below = [Path(f"/proc/{pid}/task/{t}/children").read_text().split() for t in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return [pid]
    return [pid, *(p for of in below for child in of for p in family(int(child)))]


def kib(pid: int, key: str) -> int:
    "An entry of smaps_rollup, kB"
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)


@dataclass
class Measured:
    "One command"

    seconds: float = 0.0
    peaks: dict = field(default_factory=lambda: dict(Pss=0.0, Rss=0.0))  # MiB of all processes together
    code: int = 0


def watch(args: list, stop=None) -> Measured:
    "Run `predict`; where `stop()` holds, kill it with -9"
    found, start = Measured(), time.perf_counter()
    command = subprocess.Popen([*COMMAND, *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while command.poll() is None:
        processes = family(command.pid)
        for key in found.peaks:
            found.peaks[key] = max(found.peaks[key], sum(kib(p, key) for p in processes) / 1024)
        if stop and stop():
            command.send_signal(signal.SIGKILL)
        time.sleep(LOOK_S)
    found.seconds, found.code = time.perf_counter() - start, command.returncode
    return found


def plain_loop(folder: Path) -> float:
    "Seconds a sample where each is asked alone, the model being loaded"
    from microplastic_aging.data.manifest import read_unlabelled
    from microplastic_aging.model.store import DEFAULT_MODEL, load_model
    from microplastic_aging.predict import predict

    samples = read_unlabelled(folder / "manifest.csv", load_model(DEFAULT_MODEL).scheme)[0].take(slice(ALONE + 1))
    predict(samples.take([ALONE]), progress=False)  # what is read and compiled once does not count
    start = time.perf_counter()
    for i in range(ALONE):
        predict(samples.take([i]), progress=False)
    return (time.perf_counter() - start) / ALONE


def killed(folder: Path, whole: Path) -> dict:
    "Kill a call when a third of its blocks are kept; what the second call takes over, and whether it gives the same"
    from microplastic_aging.blocks import BLOCK, partial_folder

    out = whole.with_name("killed.csv")
    kept, blocks = partial_folder(out), -(-sum(1 for _ in open(folder / "manifest.csv")) // BLOCK)
    code = watch([folder, "--out", out], lambda: len(list(kept.glob("block-*"))) > blocks / 3).code
    stay = len(list(kept.glob("block-*")))
    again = watch([folder, "--out", out])
    same = all(
        out.with_name(out.stem + kind).read_bytes() == whole.with_name(whole.stem + kind).read_bytes()
        for kind in (".csv", "_specimens.csv", "_shares.csv")
    )
    return dict(code=code, blocks=blocks, kept=stay, seconds=again.seconds, same=same, left=kept.exists())


def target(what, unit, wanted, reached, sense="at most") -> dict:
    return dict(what=what, unit=unit, wanted=float(wanted), sense=sense, reached=float(reached))


def run_kind(kind: str, sizes: list, home: Path) -> tuple:  # Rows, targets
    rows, targets = [], []
    for n in sizes:
        folder = write_data(home / f"{kind}_{n}", kind, n)
        whole = home / f"{kind}_{n}.csv"
        found = watch([folder, "--out", whole])
        assert found.code == 0, found
        alone = plain_loop(folder)
        rows.append(dict(kind=kind, n=n, seconds=found.seconds, alone_seconds=alone * n, **found.peaks))
        print(rows[-1], flush=True)
        name, ratio = f"predicting {n} spectra in {kind}", alone * n / found.seconds
        targets.append(target(f"{name}, against one at a time", "times as fast", 1, ratio, "at least"))
        if kind == "one table" and n == 10_000:  # read, measured and judged by the oxidation reader
            targets.append(target(name, "s", ONE_TABLE_SECONDS, found.seconds))
            targets.append(target(f"{name}, memory", "MiB", MOST_MIB, found.peaks["Pss"]))
        if n == 100_000:
            targets.append(target(name, "s", MOST_SECONDS, found.seconds))
            targets.append(target(f"{name}, memory", "MiB", MOST_MIB, found.peaks["Pss"]))
    rows[-1]["killed"] = killed(folder, whole)
    print(rows[-1]["killed"], flush=True)
    return rows, targets


def main(argv=None):
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--samples", type=int, nargs="+", default=[1000, 10_000, 100_000])
    args.add_argument("--kinds", nargs="+", default=["tables", "files"], choices=["tables", "files", "one table"])
    args.add_argument("--out", type=Path, default=OUT)
    args = args.parse_args(argv)
    warnings.simplefilter("ignore")
    rows, targets = [], []
    with tempfile.TemporaryDirectory() as home:
        for kind in args.kinds:
            for all_of, new in zip((rows, targets), run_kind(kind, sorted(args.samples), Path(home)), strict=True):
                all_of += new
    result = dict(
        command="python benchmarks/stream.py " + " ".join(sys.argv[1:] if argv is None else argv),
        simulated=True,
        rows=rows,
        targets=targets,
        machine=dict(
            processor=platform.processor() or platform.machine(),
            cores=os.cpu_count(),
            system=platform.system(),
            python=platform.python_version(),
        ),
        versions={p: importlib.metadata.version(p) for p in ("torch", "numpy", "pandas")},
    )
    write_atomic(args.out, (json.dumps(result, indent=1, ensure_ascii=False) + "\n").encode())
    for t in targets:
        print(f"{t['what']}: {t['reached']:.2f} {t['unit']}, wanted {t['sense']} {t['wanted']:g}")


if __name__ == "__main__":
    main()
