"""Two writers, one place: `python benchmarks/races.py --races 200 --kinds simulate,measure`.

Each race starts two processes that write different content to the same place, the second at a random moment while the
first is at work. Afterwards the place must hold all of one and nothing of the other."""

import argparse
import random
import shutil
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import torch
from writers import WRITERS, Child, alone, content, dataset, few, litter


def race(kind: str, work: Path, whole: dict, seconds: float, rng: random.Random) -> str:
    "How one race ended"
    out = work / "race"
    children = [Child(kind, work, out, seed, seed * rng.uniform(0, seconds)) for seed in (0, 1)]
    ends = [child.wait() for child in children]
    found = content(out)
    if 1 in ends or not found:
        print("".join(child.words for child in children))
        end = "error without type"
    elif found not in whole.values():
        strange = [k for k in found if all(found[k] != w.get(k) for w in whole.values())]
        print(kind, "mixed:", strange or sorted(found))
        end = "mixed"
    else:
        end = "one refused" if 3 in ends else "one after the other"
    end = f"litter {litter(out)}" if litter(out) else end
    for child in children:
        child.said.unlink(missing_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    return end


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--races", type=int, default=200)
    parser.add_argument("--kinds", default=",".join(WRITERS))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as d:
        work = Path(d)
        for seed in (0, 1):
            dataset(work, seed), few(work, seed)
        for kind in asked.kinds.split(","):
            whole, seconds = {}, []
            for seed in (0, 1):
                seconds.append(alone(kind, work, work / f"alone{seed}", seed))
                whole[seed] = content(work / f"alone{seed}")
                shutil.rmtree(work / f"alone{seed}")
            ends = Counter(race(kind, work, whole, min(seconds), rng) for _ in range(asked.races))
            print(kind, asked.races, "races:", dict(ends), flush=True)


if __name__ == "__main__":
    main()
