"""Interrupt every command at several moments: `python benchmarks/interrupt.py [--samples 300] [--only WORD]` prints the
seconds from Ctrl-C to the end, the exit code and what was left behind, and counts the commands that do worse than they
should: more than 2 s, another code than 130, a traceback, half a file, a process that lives on"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_S = 2.0
CODES = (130, -signal.SIGINT)  # A shell sees 130 of both; the second where the work was done already
COMMAND = [str(Path(sys.executable).with_name("microplastic-aging"))]
COMMANDS = {  # Name -> words, and seconds after which it is interrupted
    "check": ("check data", (1, 3, 6)),
    "check files": ("check files", (3, 6)),
    "measure": ("measure data --out out/measures.csv", (2, 5, 9, 14)),
    "predict": ("predict data --out out/predictions.csv", (2, 5, 8, 12)),
    "explain": ("predict data --out out/predictions.csv --explain", (15, 25)),
    "train": ("train data --out out/model --epochs 50", (3, 8, 15, 25)),
    "simulate": ("simulate out/benchmark --samples 2000", (2, 4, 8, 14)),
    "study": ("study --quick --out out/study", (4, 10, 20, 40)),
}


def descendants(pid: int) -> set:
    "Processes that a process has started, and those that these have"
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, new = set(), {pid}
    while new:
        found |= new
        new = {child for child, parent in parents.items() if parent in new} - found
    return found - {pid}


def halves(folder: Path) -> list:
    "Files that are no whole ones: parts, and temporary folders"
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if ".part" in p.name or p.name.startswith("tmp")]


def interrupt(folder: Path, words: str, after: float, whole_group: bool) -> tuple:  # Whether it is well; words
    "Run a command, interrupt it, and look at what comes of it"
    (folder / "out").mkdir(exist_ok=True)
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    run = subprocess.Popen([*COMMAND, *words.split()], cwd=folder, **pipes)
    time.sleep(after)
    if run.poll() is not None:
        return True, f"had ended with {run.returncode}"
    began, children = time.perf_counter(), descendants(run.pid)
    os.killpg(run.pid, signal.SIGINT) if whole_group else run.send_signal(signal.SIGINT)
    try:
        run.wait(60)
    except subprocess.TimeoutExpired:
        run.kill()
    seconds = time.perf_counter() - began
    time.sleep(5)  # what puts away the memory that workers shared ends after them
    living = [pid for pid in children if Path(f"/proc/{pid}").exists()]
    said = (run.stdout.read() + run.stderr.read()).decode(errors="replace").strip().splitlines() if not living else [""]
    wrong = [f"{seconds:.1f} s"] * (seconds > LIMIT_S) + [f"code {run.returncode}"] * (run.returncode not in CODES)
    wrong += ["traceback"] * ("Traceback" in " ".join(said)) + [f"{len(living)} processes live on"] * bool(living)
    wrong += [f"left {name}" for name in halves(folder)[:3]]
    for pid in living:
        os.kill(pid, signal.SIGKILL)
    verdict = ", ".join(wrong) or "well"
    return not wrong, f"{seconds:5.2f} s  code {run.returncode}  {(said or [''])[-1][:60]!r}  {verdict}"


def prepare(folder: Path, samples: int):
    "A dataset, and the same files without a manifest"
    words = ["simulate", "data", "--samples", str(samples)]
    subprocess.run([*COMMAND, *words], cwd=folder, check=True, capture_output=True)
    subprocess.run(["cp", "-r", "data", "files"], cwd=folder, check=True)
    (folder / "files/manifest.csv").unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--only", default="", help="a word in the name of the commands to try")
    parser.add_argument("--slower", type=float, default=1, help="times that this machine is slower than a quiet one")
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what runs behind it ignore Ctrl-C
    chosen = {name: v for name, v in COMMANDS.items() if args.only in name}
    tried, bad = 0, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, args.samples)
        for name, (words, moments) in chosen.items():
            for k, after in enumerate(moments):
                well, said = interrupt(folder, words, after * args.slower, whole_group=k % 2 == 0)
                tried, bad = tried + 1, bad + [f"{name} after {after} s"] * (not well)
                print(f"{name:12s} after {after * args.slower:4.0f} s  {said}", flush=True)
                subprocess.run(["rm", "-rf", "out"], cwd=folder, check=True)
    print(f"{tried} interruptions: {len(bad)} not as they should be", *bad, sep="\n  ")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
