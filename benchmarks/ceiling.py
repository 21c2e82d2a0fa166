"""The ceiling beside the record: the same fusion model, trained on ten times the specimens, asked about the record's
own samples.

`python benchmarks/ceiling.py` writes
microplastic_aging/assets/results/ceiling.json; the page studies/01 shows it. All specimens are
simulated; those it learns from are drawn afresh, so every sample of the benchmark is held out.
Two hours on two cores; it goes on where it stopped, in runs/ceiling.
"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from microplastic_aging.data.arrays import VIEW_PX, load_arrays
from microplastic_aging.data.manifest import read_samples
from microplastic_aging.evaluate.compare import evaluate
from microplastic_aging.model.learner import TrainOptions, train_model
from microplastic_aging.model.predictions import predict_arrays
from microplastic_aging.model.recipe import Recipe
from microplastic_aging.model.store import load_model, save_model
from microplastic_aging.simulate.benchmark import N_SAMPLES, write_benchmark
from microplastic_aging.study.provenance import commit

ROOT = Path(__file__).resolve().parents[1]
FRESH_SEED = 1000  # Far from every seed that a development benchmark had


def benchmark(folder, n, seed, fov_um="auto") -> tuple:  # samples, arrays
    if not folder.exists():
        write_benchmark(folder, n, seed)
    samples = read_samples(folder)
    return samples, load_arrays(samples, VIEW_PX, fov_um, cache=folder.parent / "cache")


def main(argv=None):
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--times", type=int, default=10)
    args.add_argument("--epochs", type=int, default=12)
    args.add_argument("--run", type=Path, default=ROOT / "runs/ceiling")
    args.add_argument("--out", type=Path, default=ROOT / "microplastic_aging/assets/results/ceiling.json")
    args = args.parse_args(argv)
    args.run.mkdir(parents=True, exist_ok=True)
    record = json.loads((ROOT / "microplastic_aging/assets/results/study.json").read_text())
    own, asked = benchmark(args.run / "benchmark", record["data"]["n"], record["seed"])
    if asked.hash != record["data"]["hash"]:
        raise SystemExit("the benchmark decodes to other arrays here than in the record; make the record again first")
    found = {}
    for modality in ("fusion", "image", "spectrum"):
        folder = (
            args.run / f"{modality}-{args.times}-{args.epochs}-{record['commit'][:10]}"
        )  # another record is another model
        if not (folder / "model.json").exists():
            fresh, arrays = benchmark(args.run / "fresh", args.times * N_SAMPLES, FRESH_SEED, asked.fov_um)
            recipe = Recipe().lasting(args.epochs)
            with tqdm(total=args.epochs, desc=modality, unit="epoch") as bar:
                options = TrainOptions(modality=modality, recipe=recipe, progress=bar.update)
                learn = train_model(arrays, fresh.y, fresh.groups, fresh.scheme, range(len(fresh)), options)
            save_model(
                learn,
                folder,
                dict(simulated=True, view=dict(fov_um=asked.fov_um, size_px=VIEW_PX), specimens=len(set(fresh.groups))),
            )
        net = load_model(folder)
        figures = evaluate(predict_arrays(net, asked)[0], own.y, own.groups, own.scheme)
        usual = record["models"][modality]["grouped"]["accuracy"]
        found[modality] = {k: figures[k] for k in ("accuracy", "accuracy_ci", "nll")} | dict(
            record=usual, share=usual / figures["accuracy"], training_specimens=net.card["specimens"]
        )
        args.out.write_text(
            json.dumps(
                dict(
                    simulated=True,
                    commit=commit(),
                    record_commit=record["commit"],
                    times=args.times,
                    epochs=args.epochs,
                    models=found,
                ),
                indent=1,
            )
            + "\n",
            encoding="utf-8",
        )
        print(
            f"{modality}: ceiling {figures['accuracy']:.3f}, reference run {usual:.3f}"
            f" = {usual / figures['accuracy']:.3f} of it",
            flush=True,
        )


if __name__ == "__main__":
    main()
