"""Put pipes, sockets, devices and link loops where files are read: `unshare -rm python benchmarks/special_places.py`
[--only WORD] prints what each command says, and counts hangs and untyped errors. Devices need the namespace of
`unshare -rm`, in which /dev/zero is mounted over a file; without it they are left out"""

import argparse
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import microplastic_aging.predict
import microplastic_aging.report.measure_page
import microplastic_aging.report.page
import microplastic_aging.study.study
import microplastic_aging.train  # noqa: F401
from microplastic_aging import cli

TIMEOUT_S = 10.0
AXIS = np.arange(600, 4001, 4)
MANIFEST = "sample_id,spectrum,specimen_id,aging_type\n" + "".join(
    f"s{i},spectra/s{i}.csv,p{i},{('uv', 'chemical')[i % 2]}\n" for i in range(4)
)


def make_fifo(path: Path):
    os.mkfifo(path)


def make_socket(path: Path):
    here = os.open(path.parent, os.O_RDONLY)  # a socket's whole path may have 100 characters only
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(f"/proc/self/fd/{here}/{path.name}")
    finally:
        os.close(here)


def make_device(path: Path):
    path.write_text("")
    subprocess.run(["mount", "--bind", "/dev/zero", path], check=True)


def make_loop(path: Path):
    path.symlink_to(path.name)


def make_link_to_device(path: Path):
    path.symlink_to("/dev/zero")


def make_folder(path: Path):
    path.mkdir()


def make_huge(path: Path):
    with open(path, "wb") as file:
        file.truncate(3_000_000_000)


KINDS = {
    "pipe": make_fifo,
    "socket": make_socket,
    "device": make_device,
    "link loop": make_loop,
    "link to a device": make_link_to_device,
    "folder": make_folder,
    "3 GB of zeros": make_huge,
}


def spectrum(seed: int) -> str:
    noise = np.random.default_rng(seed).normal(0, 0.001, AXIS.size)
    values = 0.02 + 0.5 * np.exp(-(((AXIS - 1720) / 15) ** 2)) + 0.3 * np.exp(-(((AXIS - 2900) / 30) ** 2)) + noise
    return "wavenumber_cm-1,absorbance\n" + "".join(f"{x},{y:.5f}\n" for x, y in zip(AXIS, values, strict=True))


def dataset(folder: Path):
    "Four spectra and their manifest"
    (folder / "spectra").mkdir(parents=True)
    for i in range(4):
        (folder / f"spectra/s{i}.csv").write_text(spectrum(i))
    (folder / "manifest.csv").write_text(MANIFEST)


PLACES = {  # Where the special file lies, below the folder `data`, and the commands that meet it
    "a spectrum": ("spectra/s1.csv", ["check data", "measure data --out o.csv", "predict data --out o.csv"]),
    "manifest.csv": ("manifest.csv", ["check data", "predict data --out o.csv", "study data"]),
    "manifest.parquet": (
        "manifest.parquet",
        ["check data/manifest.parquet", "measure data/manifest.parquet --out o.csv"],
    ),
    "manifest.xlsx": ("manifest.xlsx", ["check data/manifest.xlsx", "train data/manifest.xlsx --out model"]),
    "provenance.json": (
        "provenance.json",
        ["check data", "predict data --out o.csv", "measure data/spectra --out o.csv"],
    ),
    "proposal": ("spectra/proposed_manifest.csv", ["check data/spectra", "measure data/spectra --out o.csv"]),
    "side file": ("spectra/s1.hdr", ["check data/spectra", "measure data/spectra --out o.csv"]),
    "file of a folder": ("spectra/other.csv", ["check data/spectra", "measure data/spectra --out o.csv", "check data"]),
    "picture of a folder": ("spectra/other.tif", ["check data/spectra", "measure data/spectra --out o.csv"]),
    "text of a folder": ("spectra/s1.txt", ["check data/spectra", "measure data/spectra --out o.csv"]),
    "the file itself": ("one.csv", ["check data/one.csv", "measure data/one.csv --out o.csv", "predict data/one.csv"]),
    "the file itself, .xlsx": ("single.xlsx", ["check data/single.xlsx", "measure data/single.xlsx --out o.csv"]),
    "scheme": ("scheme.csv", ["check data --scheme data/scheme.csv", "train data --scheme data/scheme.csv --out m"]),
    "reference": ("blank.csv", ["measure data --reference data/blank.csv --polymer PE --out o.csv"]),
    "table written over": ("out.csv", ["predict data --out data/out.csv", "measure data --out data/out.csv"]),
    "problems written over": ("problems.csv", ["check data --csv data/problems.csv"]),
    "model": ("model/model.json", ["predict data/model data --out o.csv"]),
    "weights": ("model/model.safetensors", ["predict data/model data --out o.csv"]),
    "run": ("run/study.json", ["report data/run", "predict data/run data --out o.csv"]),
}


def command(folder: Path, words: str):
    "Run a command in this process, a child that has loaded all that is slow to load"
    os.chdir(folder)
    with open("said", "wb") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
    sys.argv = ["microplastic-aging", *words.split()]
    cli.main()


def say(folder: Path, words: str) -> tuple:  # Whether it is well; what was said
    "Run a command"
    child = multiprocessing.get_context("fork").Process(target=command, args=(folder, words))
    child.start()
    child.join(TIMEOUT_S)
    if child.is_alive():
        child.kill()
        child.join()
        return False, "HANGS"
    said = (folder / "said").read_text(errors="replace").strip().splitlines() or [""]
    untyped = "Traceback" in " ".join(said) or child.exitcode not in (0, 1, 2)
    line = next((line for line in said if line.startswith(("error", "warning"))), said[-1])
    return not untyped, f"{'UNTYPED ' if untyped else ''}{child.exitcode}: {(said[-1] if untyped else line)[:150]}"


def try_place(folder: Path, kind: str, place: str) -> list:
    "What the commands of a place said that is not well"
    path, commands = PLACES[place]
    bad = []
    for words in commands:
        shutil.rmtree(folder / "data", ignore_errors=True)
        dataset(folder / "data")
        special = folder / "data" / path
        special.parent.mkdir(exist_ok=True)
        special.unlink(missing_ok=True)
        if path.startswith("model/") and path != "model/model.json":
            (special.parent / "model.json").write_text("{}")
        KINDS[kind](special)
        try:
            well, words_said = say(folder, words)
        finally:
            if kind == "device":
                subprocess.run(["umount", special], check=True)
        print(f"{kind:16s} as {place:24s} {words[:48]:48s} {words_said}", flush=True)
        bad += [] if well else [f"{kind} as {place}: {words}"]
        for left in folder.iterdir():
            if left.name != "data":
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    return bad


def can_mount(folder: Path) -> bool:
    "Whether this process may mount, as it may within `unshare -rm`"
    probe = folder / "probe"
    try:
        make_device(probe)
        subprocess.run(["umount", probe], check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True


def main():
    global TIMEOUT_S
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a word in the kind or the place")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, help="seconds a command may take")
    args = parser.parse_args()
    TIMEOUT_S = args.timeout
    with tempfile.TemporaryDirectory() as name:
        kinds = [kind for kind in KINDS if kind != "device" or can_mount(Path(name))]
        todo = [(kind, place) for kind in kinds for place in PLACES if args.only in f"{kind} as {place}"]
        bad = [words for kind, place in todo for words in try_place(Path(name), kind, place)]
    left_out = "" if "device" in kinds else "; devices were left out, since nothing can be mounted here"
    print(f"{len(todo)} places: {len(bad)} hangs or untyped errors{left_out}", *bad, sep="\n  ")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
