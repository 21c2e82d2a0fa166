"""`kill -9` at random moments: `python benchmarks/kill.py --kills 40`.

Each writer is killed while it works, and called again. What it leaves in the end must be what an undisturbed call
leaves, without a lock file, half a file or an old figure."""

import argparse
import os
import random
import shutil
import signal
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import torch
from writers import WRITERS, Child, alone, content, dataset, few, litter


def kill(kind: str, work: Path, whole: dict, moment: float) -> str:
    "Kill a writer, call it again, and compare"
    out = work / "killed"
    first = Child(kind, work, out, 0)
    time.sleep(moment)
    os.kill(first.pid, signal.SIGKILL)
    was_done = first.wait() == 0
    second = Child(kind, work, out, 0)
    end = second.wait()
    taken = "takes over" in second.words
    if was_done and kind in ("simulate", "train"):
        end = 0 if end == 3 else 1  # it was there, and is not written over
    found = content(out) if out.exists() else {}
    same = end == 0 and found == whole and not litter(out)
    if not same:
        differ = sorted(k for k in {*found, *whole} if found.get(k) != whole.get(k))
        print(kind, f"{moment:.2f} s", end, differ, litter(out), second.words[-2000:])
    for child in (first, second):
        child.said.unlink(missing_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    how = "killed too late" if was_done else "took over" if taken else "before anything was written"
    return f"{'identical' if same else 'DIFFERENT'}, {how}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="over all kinds")
    parser.add_argument("--kinds", default=",".join(WRITERS))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rng, kinds = random.Random(asked.seed), asked.kinds.split(",")
    with tempfile.TemporaryDirectory() as d:
        work = Path(d)
        dataset(work, 0), few(work, 0)
        for kind in kinds:
            seconds = alone(kind, work, work / "alone", 0)
            whole = content(work / "alone")
            n = asked.kills // len(kinds)
            places = [(i + rng.random()) / n for i in range(n)]  # spread over the work
            ends = Counter(kill(kind, work, whole, seconds * place) for place in places)
            print(kind, n, "kills:", dict(ends), flush=True)
            shutil.rmtree(work / "alone")


if __name__ == "__main__":
    main()
