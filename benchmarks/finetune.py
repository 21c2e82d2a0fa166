"""How many particles a laboratory needs: the default model adapted by 1 to 16 specimens a type, beside what the best
classical model learns from the same specimens, and beside training from nothing.

`python benchmarks/finetune.py` writes microplastic_aging/assets/results/finetune.json; the page
tutorials/train_on_your_particles shows it. The laboratory is simulated too, but with other noise and other severities
than the benchmark that the default model was trained on. Every size is drawn five times, each time with other specimens
to learn from and to test on. `--training` allows the candidates that train all weights (hours); without it the choice
is among the others. It goes on where it stopped, in runs/finetune.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from microplastic_aging.data.arrays import load_arrays
from microplastic_aging.data.manifest import read_samples
from microplastic_aging.evaluate.compare import evaluate
from microplastic_aging.evaluate.features import classical_features
from microplastic_aging.evaluate.tuning import TrainingRows, fit_predict_classical
from microplastic_aging.model.adapt import adapt_model
from microplastic_aging.model.learner import InitOptions, TrainOptions, train_model
from microplastic_aging.model.predictions import predict_arrays
from microplastic_aging.model.store import DEFAULT_MODEL, load_model
from microplastic_aging.simulate.benchmark import write_benchmark
from microplastic_aging.simulate.version1 import Dials, version1
from microplastic_aging.study.provenance import commit
from microplastic_aging.train import finetune_recipe

ROOT = Path(__file__).resolve().parents[1]
LABORATORY = Dials(noise_image=0.6, noise_spectrum=0.2, severity_image=1.5, severity_spectrum=0.6)
SEED, SAMPLES, TESTED, SIZES = 2001, 2042, 10, (1, 2, 4, 8, 16)  # specimens a type
WAYS = {"as it is": (0,), "adapted": SIZES, "classical fusion": (1, 2, 4, 8), "from nothing": (2, 4)}
DRAWS = {"from nothing": 1}  # Of each size; five where nothing is said


def deal(samples, draw) -> tuple:  # specimens of each type to learn from, in order; rows that are tested
    "Set some specimens of every type aside, and put the others in an order"
    rng, pool, tested = np.random.default_rng(draw), {}, []
    for c in np.unique(samples.y):
        names = rng.permutation(np.unique(samples.groups[samples.y == c]))
        tested, pool[c] = tested + list(names[:TESTED]), names[TESTED:]
    return pool, np.flatnonzero(np.isin(samples.groups, tested))


class Laboratory:
    "Its samples, as the default model sees them"

    def __init__(self, folder: Path, with_training: bool):
        if not (folder / "laboratory").exists():
            write_benchmark(folder / "laboratory", SAMPLES, SEED, benchmark=version1(LABORATORY))
        self.samples, self.net = read_samples(folder / "laboratory"), load_model(DEFAULT_MODEL)
        view = self.net.card["view"]
        self.arrays = load_arrays(self.samples, view["size_px"], view["fov_um"], cache=folder / "cache")
        self.with_training, self.features = with_training, None

    def train(self, rows, start=None):
        s = self.samples
        job = TrainOptions(recipe=finetune_recipe(None, start, len(rows)), progress=False, init=InitOptions(start))
        return train_model(self.arrays, s.y, s.groups, s.scheme, rows, job).model

    def say(self, way: str, rows, tested) -> tuple:  # Probabilities of the tested rows, what was chosen
        "What one way says after learning from `rows`"
        s = self.samples
        if way == "classical fusion":
            self.features = self.features or classical_features(self.arrays)
            learnt = TrainingRows(s.y, s.groups, rows, s.scheme.n, 0, s.scheme.pattern)
            return fit_predict_classical("classical_fusion", self.features, learnt, tested)[0], None
        if way == "from nothing":
            return predict_arrays(self.train(rows), self.arrays, tested)[0], None
        if way == "as it is":
            return predict_arrays(self.net, self.arrays, tested)[0], None
        fit = (lambda some: self.train(some, self.net)) if self.with_training else None
        adapted = adapt_model(self.net, (self.arrays, s.y, s.groups), rows, fit)
        return predict_arrays(adapted.net, self.arrays, tested)[0], adapted.chosen


def main(argv=None):
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--run", type=Path, default=ROOT / "runs/finetune")
    args.add_argument("--out", type=Path, default=ROOT / "microplastic_aging/assets/results/finetune.json")
    args.add_argument("--training", action="store_true", help="allow the candidates that train all weights")
    args.add_argument("--ways", default=",".join(WAYS), help="what to run, separated by commas")
    args = args.parse_args(argv)
    args.run.mkdir(parents=True, exist_ok=True)
    lab = Laboratory(args.run, args.training)
    s, model = lab.samples, json.loads((DEFAULT_MODEL / "model.json").read_text())["sha256"][:12]
    head = dict(simulated=True, model=model, laboratory=LABORATORY.__dict__, with_training=args.training)
    rows = []
    if args.out.exists():
        before = json.loads(args.out.read_text(encoding="utf-8"))
        rows = before["rows"] if {k: before.get(k) for k in head} == head else []
    done = {(r["begun_with"], r["specimens"], r["draw"]) for r in rows}
    todo = [(w, k, d) for w in args.ways.split(",") for k in WAYS[w] for d in range(DRAWS.get(w, 5))]
    for way, k, draw in [t for t in todo if t not in done]:
        pool, tested = deal(s, draw)
        learnt = np.flatnonzero(np.isin(s.groups, np.concatenate([names[:k] for names in pool.values()])))
        prob, chosen = lab.say(way, learnt, tested)
        found = evaluate(prob, s.y[tested], s.groups[tested], s.scheme)
        kept = {key: found[key] for key in ("accuracy", "accuracy_ci", "n_samples", "n_specimens")}
        rows.append(dict(specimens=k, draw=draw, begun_with=way, chosen=chosen, commit=commit(), **kept))
        print({key: rows[-1][key] for key in ("specimens", "draw", "begun_with", "chosen", "accuracy")}, flush=True)
        text = json.dumps(dict(**head, commit=commit(), rows=rows), indent=1)
        args.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
