"""Links of band and mark in both benchmarks, without a network; writes microplastic_aging/assets/results/links.json

`python benchmarks/links.py --tables runs/links` simulates what is not in that folder yet, one table a benchmark and
seed, and judges the links. The seeds that are judged and those of the positive control are different particles.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from microplastic_aging.aging import BANDS, PAPER, SURFACE_FEATURES
from microplastic_aging.evaluate.links import ALPHA, ENOUGH_POWER
from microplastic_aging.evaluate.planted_links import (
    INDEX_OF,
    READERS,
    Drawing,
    judge_readers,
    missed_links,
    planted_specimens,
)
from microplastic_aging.study.provenance import commit

ROOT = Path(__file__).resolve().parents[1]
SEEN = (0, 9001)  # Seeds on which earlier, exploratory figures were measured


def table(folder: Path, drawing: Drawing) -> pd.DataFrame:
    "Specimens of one benchmark and seed; made once"
    path = folder / f"benchmark{drawing.benchmark}_seed{drawing.seed}.csv"
    if not path.exists():
        made = planted_specimens(drawing).assign(commit=commit(), views=drawing.views or 0)
        folder.mkdir(parents=True, exist_ok=True)
        made.to_csv(path, index=False)
    kept = pd.read_csv(path)
    if set(kept.views) != {drawing.views or 0}:
        raise SystemExit(f"{path}: has other views a specimen; name another folder")
    return kept


def tables(got, benchmark: int, seeds: list) -> pd.DataFrame:
    return pd.concat([table(got.tables, Drawing(benchmark, s, views=got.views, jobs=got.jobs)) for s in seeds])


def judge(got, benchmark: int) -> tuple:  # Record, commits
    "Verdicts on one benchmark"
    judged, control = (tables(got, benchmark, seeds) for seeds in (got.seeds, got.control_seeds))
    readers = judge_readers(judged, control)
    specimens = dict(specimens=len(judged[judged.variant == "standard"]))
    gates = dict(gate=missed_links(readers), like_for_like=missed_links(readers, "planted_olefins"))
    return specimens | gates | dict(variants=readers), {*judged.commit, *control.commit}


def arguments(argv):
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--seeds", type=int, nargs="+", default=[701, 702, 703], help="of the particles that are judged")
    ask.add_argument("--control-seeds", type=int, nargs="+", default=[704, 705, 706], help="of the positive control")
    ask.add_argument("--benchmarks", type=int, nargs="+", default=[2, 1])
    ask.add_argument("--views", type=int, default=4, help="of each specimen; 0 for all")
    ask.add_argument("--jobs", type=int, default=1)
    ask.add_argument("--tables", type=Path, default=ROOT / "runs/links", help="where simulated specimens are kept")
    ask.add_argument("--out", type=Path, default=ROOT / "microplastic_aging/assets/results/links.json")
    got = ask.parse_args(argv)
    got.views = got.views or None
    if {*got.seeds, *got.control_seeds} & {*SEEN} or {*got.seeds} & {*got.control_seeds}:
        ask.error(f"seeds {SEEN} were seen before, and the control needs seeds of its own")
    return got


def command_of(got) -> str:
    "As it can be given again"
    options = {name: getattr(got, name) for name in ("seeds", "control_seeds", "benchmarks")}
    words = [f"--{name.replace('_', '-')} {' '.join(map(str, numbers))}" for name, numbers in options.items()]
    return " ".join(["python benchmarks/links.py", *words, f"--views {got.views or 0}"])


def main(argv=None):
    got = arguments(argv)
    found = {benchmark: judge(got, benchmark) for benchmark in got.benchmarks}
    record = dict(
        simulated=True,
        title="links of band and mark, within ageing type and polymer, without a network",
        command=command_of(got),
        commit=commit(),
        commits_of_tables=sorted({c for _, commits in found.values() for c in commits}),
        seeds=got.seeds,
        control_seeds=got.control_seeds,
        seeds_seen_before=SEEN,
        views=got.views,
        alpha=ALPHA,
        enough_power=ENOUGH_POWER,
        readers=READERS,
        indices=INDEX_OF,
        bands={b.mechanism: b.name for b in BANDS if b.source == PAPER},
        marks={f.mechanism: f.name for f in SURFACE_FEATURES},
        benchmarks={str(benchmark): one for benchmark, (one, _) in found.items()},
    )
    got.out.write_text(json.dumps(record, indent=1, allow_nan=False), encoding="utf-8")
    for benchmark, (one, _) in found.items():
        print(f"benchmark {benchmark}: {one['gate']}")


if __name__ == "__main__":
    main()
