"""Write to disks that are full, read-only or closed to us: `unshare -rm python benchmarks/full_disk.py [--only WORD]`
prints what each command says, and counts tracebacks, messages without file or remedy, and halves of files"""

import argparse
import ctypes
import io
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

import microplastic_aging.predict
import microplastic_aging.report.measure_page
import microplastic_aging.study.study
import microplastic_aging.train  # noqa: F401
from microplastic_aging import cli
from microplastic_aging.report.page import write_report
from microplastic_aging.report.toy import write_toy_run
from microplastic_aging.simulate.benchmark import write_benchmark

TIMEOUT_S = 120.0
COMMANDS = (  # Their outputs lie on the disk, in the folder `there`
    "simulate there/data --samples 8",
    "simulate there/files --as-instruments --samples 3",
    "simulate there/field --campaign --samples 8",
    "check data --csv there/problems.csv",
    "check there/loose",
    "measure data --out there/measures.csv",
    "measure data --out there/measures.xlsx --figures there/figures",
    "predict data --out there/predictions.csv",
    "predict data --out there/predictions.csv --explain",
    "train data --out there/model --epochs 1",
    "study data --quick --epochs 1 --out there/run",
    "report there/toy",
)
ROOMS_KB = (0, 8, 64, 300)  # That a full disk has left
CAPABILITIES = 0x20080522  # Version of the structures below
OVERRIDE = 0b110  # Root's right to write and read whatever the permissions say


def obey_permissions():
    "Give up what lets root write where nobody may"
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, sets)
    for i in range(3):
        sets[i] &= ~OVERRIDE
    libc.capset(header, sets)


def command(folder: Path, words: str, obey: bool):
    "Run a command in this process, a child that has loaded all that is slow to load"
    os.chdir(folder)
    if obey:
        obey_permissions()
    with open("said", "wb") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
    sys.argv = ["microplastic-aging", *words.split()]
    cli.main()


def is_half(path: Path) -> bool:
    "Whether a file is the beginning of one, or waits to be renamed"
    content = path.read_bytes()
    if ".part" in path.name or path.name.endswith(".lock") or not content:
        return True
    ends = {".csv": b"\n", ".html": b"</html>", ".json": b"}", ".svg": b"</svg>", ".pdf": b"%%EOF"}
    if path.suffix == ".png":
        try:
            Image.open(io.BytesIO(content)).load()
        except OSError:
            return True
    return not content.rstrip(b" \n").endswith(ends.get(path.suffix, b"").strip())


def wrong_with(child, said: str, disk: Path, before: set) -> list:
    "What a command that cannot write should not have done"
    wrong = ["hangs"] * (child.exitcode is None) + ["traceback"] * ("Traceback" in said)
    if child.exitcode != 0:
        line = next((line for line in said.splitlines() if line.startswith("error: ")), "")
        wrong += ["names no file"] * ("there" not in line) + ["no remedy"] * (";" not in line)
        wrong += [f"code {child.exitcode}"] * (child.exitcode != 1)
    files = {p for p in disk.rglob("*") if p.is_file()} - before
    return wrong + [f"left {p.relative_to(disk)}" for p in sorted(files) if p.name != "balloon" and is_half(p)][:3]


def run(folder: Path, words: str, obey: bool, before: set) -> tuple:  # What is wrong; what was said
    "Run a command"
    child = multiprocessing.get_context("fork").Process(target=command, args=(folder, words, obey))
    child.start()
    child.join(TIMEOUT_S)
    said = (folder / "said").read_text(errors="replace")
    wrong = wrong_with(child, said, folder / "there", before)
    if child.is_alive():
        child.kill()
        child.join()
    lines = said.strip().splitlines() or [""]
    return wrong, next((line for line in lines if line.startswith("error")), lines[-1])


def fill(disk: Path, left_kb: int):
    "Leave so much on a disk"
    status = os.statvfs(disk)
    size = max(0, status.f_bavail * status.f_frsize - 1000 * left_kb)
    with open(disk / "balloon", "wb") as file:
        for _ in range(size // 4096):
            file.write(b"0" * 4096)


def try_disk(folder: Path, state: str, words: str) -> list:
    "One command on one disk"
    disk = folder / "there"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", disk], check=True)
    try:
        for name in ("toy", "loose"):
            if name in words:
                shutil.copytree(folder / name, disk / name)
        before = {p for p in disk.rglob("*") if p.is_file()}
        if state == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        elif state == "no permission":
            for place in (disk, *(p for p in disk.rglob("*") if p.is_dir())):
                place.chmod(0o555)
        else:
            fill(disk, int(state.split()[0]))
        wrong, said = run(folder, words, state == "no permission", before)
    finally:
        subprocess.run(["umount", disk], check=True)
        disk.rmdir()
    print(f"{state:14s} {words[:52]:52s} {', '.join(wrong) or 'well':30s} {said[:170]}", flush=True)
    return [f"{state}: {words}: {', '.join(wrong)}"] * bool(wrong)


def prepare(folder: Path):
    "A dataset, a folder of files without a manifest, and a run"
    write_benchmark(folder / "data", 16, progress=False)
    shutil.copytree(folder / "data/spectra", folder / "loose")
    write_report(write_toy_run(folder / "toy"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="a word in the command or the state of the disk")
    args = parser.parse_args()
    states = ["read-only", "no permission", *(f"{kb} kB left" for kb in ROOMS_KB)]
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        todo = [(state, words) for words in COMMANDS for state in states if args.only in f"{state} {words}"]
        bad = [line for state, words in todo for line in try_disk(Path(name), state, words)]
    print(f"{len(todo)} disks: {len(bad)} not as they should be", *bad, sep="\n  ")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
