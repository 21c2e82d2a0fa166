"""How many particles a laboratory needs: `train --from default` against training from nothing, with 2, 4, 8 and 16
specimens a type.

`python benchmarks/finetune.py` writes microplastic_aging/assets/results/finetune.json; the page
tutorials/train_on_your_particles shows it. The laboratory is simulated too, but with other noise and other severities
than the benchmark that the default model was trained on. Half an hour on two cores; it goes on where it stopped, in
runs/finetune.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from microplastic_aging.data.arrays import load_arrays
from microplastic_aging.data.manifest import read_samples
from microplastic_aging.evaluate.compare import evaluate
from microplastic_aging.model.predictions import predict_arrays
from microplastic_aging.model.store import DEFAULT_MODEL, load_model
from microplastic_aging.simulate.benchmark import write_benchmark
from microplastic_aging.simulate.version1 import Dials, version1
from microplastic_aging.study.provenance import commit
from microplastic_aging.train import train_manifest

ROOT = Path(__file__).resolve().parents[1]
LABORATORY = Dials(noise_image=0.6, noise_spectrum=0.2, severity_image=1.5, severity_spectrum=0.6)
SEED, SAMPLES, TESTED, SIZES = 2001, 2042, 10, (2, 4, 8, 16)  # specimens a type


def deal(samples, seed=0) -> tuple:  # specimens of each type to learn from, in order; rows that are tested
    "Set some specimens of every type aside, and put the others in a fixed order"
    rng, pool, tested = np.random.default_rng(seed), {}, []
    for c in np.unique(samples.y):
        names = rng.permutation(np.unique(samples.groups[samples.y == c]))
        tested, pool[c] = tested + list(names[:TESTED]), names[TESTED:]
    return pool, np.flatnonzero(np.isin(samples.groups, tested))


def part(samples, folder, names) -> Path:
    "A manifest of some specimens, beside the laboratory's own"
    path = folder / f"of_{len(names)}.csv"
    samples.table[np.isin(samples.groups, names)].to_csv(path, index=False)
    return path


def main(argv=None):
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--run", type=Path, default=ROOT / "runs/finetune")
    args.add_argument("--out", type=Path, default=ROOT / "microplastic_aging/assets/results/finetune.json")
    args = args.parse_args(argv)
    folder = args.run / "laboratory"
    args.run.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        write_benchmark(folder, SAMPLES, SEED, benchmark=version1(LABORATORY))
    samples, view = read_samples(folder), load_model(DEFAULT_MODEL).card["view"]
    arrays = load_arrays(samples, view["size_px"], view["fov_um"], cache=args.run / "cache")
    pool, tested = deal(samples)
    knows = json.loads((DEFAULT_MODEL / "model.json").read_text())["tensors_sha256"][
        :8
    ]  # another default model is another experiment

    def reached(model):
        net = load_model(model)
        seen = (
            arrays
            if net.card["view"] == view
            else load_arrays(samples, net.card["view"]["size_px"], net.card["view"]["fov_um"], cache=args.run / "cache")
        )
        found = evaluate(
            predict_arrays(net, seen, tested)[0], samples.y[tested], samples.groups[tested], samples.scheme
        )
        return {k: found[k] for k in ("accuracy", "accuracy_ci", "n_samples", "n_specimens")}

    rows = [dict(specimens=0, begun_with="default", **reached(DEFAULT_MODEL))]
    for k in SIZES:
        manifest = part(samples, folder, np.concatenate([names[:k] for names in pool.values()]))
        for start in ("default", None):
            model = args.run / f"{start or 'nothing'}-{k}-{knows}"
            if not (model / "model.json").exists():
                train_manifest(manifest, model, "fusion", start=start)
            rows.append(dict(specimens=k, begun_with=start or "nothing", **reached(model)))
            print({key: rows[-1][key] for key in ("specimens", "begun_with", "accuracy")}, flush=True)
            args.out.write_text(
                json.dumps(dict(simulated=True, commit=commit(), laboratory=LABORATORY.__dict__, rows=rows), indent=1)
                + "\n",
                encoding="utf-8",
            )


if __name__ == "__main__":
    main()
