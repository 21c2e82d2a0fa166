"""Training and inference: one epoch against a plain PyTorch loop, pairs and spectra a second, peak memory, and what
classical models take.

`python benchmarks/train.py` writes
microplastic_aging/assets/results/speed_train.json; the page studies/07_speed shows it. The arrays are
random numbers in the shape of the benchmark: speed does not look at content.
Times are wall-clock with all cores, contenders by turns, so leave the machine alone meanwhile.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from fastai.torch_core import set_seed

from microplastic_aging.aging import SEVEN_TYPES
from microplastic_aging.data.arrays import DecodedSamples
from microplastic_aging.evaluate.baselines import why_not
from microplastic_aging.evaluate.features import classical_features
from microplastic_aging.evaluate.tuning import TrainingRows, fit_predict_classical
from microplastic_aging.model.augment import AugmentMicrograph, AugmentSpectrum
from microplastic_aging.model.learner import TrainOptions, cpu_has_bf16, train_model
from microplastic_aging.model.loss import AgingLoss
from microplastic_aging.model.net import AgingNet
from microplastic_aging.model.predictions import predict_arrays
from microplastic_aging.model.recipe import Recipe
from microplastic_aging.model.tensors import ReadMicrograph, ReadSpectrum, ResamplePartner
from microplastic_aging.spectra.core import GRID

OUT = Path(__file__).resolve().parents[1] / "microplastic_aging/assets/results/speed_train.json"
SIZE_PX, VIEWS = 160, 10


def made_up(n, seed=0) -> tuple:  # Arrays, class numbers, specimens
    "Random pictures and spectra of n samples"
    rng = np.random.default_rng(seed)
    specimen, full = np.arange(n) // VIEWS, np.ones(n, bool)
    image = rng.integers(0, 256, (n, SIZE_PX, SIZE_PX), np.uint8)
    spectrum = rng.random((n, GRID.size), np.float32)
    return (
        DecodedSamples(image, spectrum, np.ones((n, GRID.size), bool), full, full.copy(), 50.0, "made up"),
        specimen % SEVEN_TYPES.n,
        specimen.astype(str),
    )


def plain_epoch(net, arrays, y, specimens, recipe) -> float:  # Seconds
    "The same model, tensors, augmentations, loss and running mean, in a loop and without fastai"
    read, vary = (ReadMicrograph(arrays), ReadSpectrum(arrays)), (AugmentMicrograph(), AugmentSpectrum())
    swap, loss_of = (
        ResamplePartner(arrays, y, specimens),
        AgingLoss(SEVEN_TYPES, recipe.smooth, recipe.mechanism, recipe.auxiliary),
    )
    swap.setups(range(len(y)))
    step = torch.optim.AdamW(net.parameters(), recipe.lr, (0.9, 0.99), 1e-5, recipe.wd)
    mean = [t.clone() for t in net.state_dict().values() if t.is_floating_point()]
    start, order = time.perf_counter(), torch.randperm(len(y)).numpy()
    net.train()
    for i in range(0, len(y) - recipe.bs + 1, recipe.bs):
        rows = order[i : i + recipe.bs]
        images, spectra = vary[0](read[0](rows), split_idx=0), vary[1](read[1](swap(rows, split_idx=0)), split_idx=0)
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
            logits = net(images, spectra)  # as `train_model` does
        loss = loss_of(logits.float(), torch.as_tensor(y[rows]))
        step.zero_grad()
        loss.backward()
        step.step()
        with torch.no_grad():
            for m, t in zip(mean, (t for t in net.state_dict().values() if t.is_floating_point()), strict=True):
                m.lerp_(t, 1 - recipe.ema)
    return time.perf_counter() - start


def our_epochs(arrays, y, specimens, recipe) -> list:  # Seconds of each epoch
    "`train_model`, epoch by epoch"
    times = [time.perf_counter()]
    options = TrainOptions(recipe=recipe, device="cpu", progress=lambda: times.append(time.perf_counter()))
    train_model(arrays, y, specimens, SEVEN_TYPES, range(len(y)), options)
    return list(np.diff(times))


def best_rate(fn, n, turns=3) -> float:  # Items a second
    fn()
    spent = []
    for _ in range(turns):
        start = time.perf_counter()
        fn()
        spent.append(time.perf_counter() - start)
    return n / min(spent)


def peak_of_pairs(n) -> float:  # GiB
    "Peak memory of a process that holds n pairs, trains one epoch on them and predicts them"
    peak = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20"
    code = f"import benchmark_train as b, resource; b.work_through({n}); print({peak})"
    env = os.environ | dict(PYTHONPATH=os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-c", code.replace("benchmark_train", Path(__file__).stem)],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def work_through(n):
    arrays, y, specimens = made_up(n)
    options = TrainOptions(recipe=Recipe(epochs=1), device="cpu", progress=False)
    learn = train_model(arrays, y, specimens, SEVEN_TYPES, range(n), options)
    predict_arrays(learn, arrays)


def classical(arrays, y, specimens) -> list:  # Dicts: who, seconds, or why not
    "Seconds that spectral baselines take to tune, fit and predict one fold, features included"
    rows, train = [], np.arange(len(y)) % (5 * VIEWS) >= VIEWS
    for name in ("minirocket", "pls_da"):
        if reason := why_not(name):
            rows.append(dict(who=name, seconds=None, why=reason))
            continue
        start = time.perf_counter()
        known = TrainingRows(y, specimens, np.flatnonzero(train), SEVEN_TYPES.n)
        fit_predict_classical(name, classical_features(arrays, progress=False), known, np.flatnonzero(~train))
        rows.append(dict(who=name, seconds=time.perf_counter() - start, why=None))
    return rows


def main(argv=None):
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--samples", type=int, default=1257)
    args.add_argument("--pairs", type=int, default=20_000)
    args.add_argument("--turns", type=int, default=3)
    args.add_argument("--out", type=Path, default=OUT)
    args = args.parse_args(argv)
    warnings.simplefilter("ignore")
    arrays, y, specimens = made_up(args.samples)
    recipe, ours, plain = Recipe(epochs=2), [], []
    for turn in range(args.turns):
        set_seed(turn)
        net = AgingNet(SEVEN_TYPES)
        by = dict(
            plain=lambda net=net: [plain_epoch(net, arrays, y, specimens, recipe) for _ in range(2)],
            ours=lambda: our_epochs(arrays, y, specimens, recipe),
        )
        spent = {
            who: min(by[who]()) for who in (list(by) if turn % 2 else list(by)[::-1])
        }  # best of two epochs, by turns
        plain.append(spent["plain"])
        ours.append(spent["ours"])
        print(f"turn {turn}: plain {plain[-1]:.2f} s, ours {ours[-1]:.2f} s an epoch", flush=True)
    nets = {m: AgingNet(SEVEN_TYPES, m).eval() for m in ("fusion", "spectrum")}
    rates = {m: best_rate(lambda net=net: predict_arrays(net, arrays), len(y)) for m, net in nets.items()}
    start = time.perf_counter()
    options = TrainOptions(modality="spectrum", device="cpu", progress=False)
    train_model(arrays, y, specimens, SEVEN_TYPES, range(len(y)), options)
    spectrum_s, peers = time.perf_counter() - start, classical(arrays, y, specimens)
    peak = peak_of_pairs(args.pairs)
    targets = [
        dict(
            what="one epoch, against a plain loop over the same model, tensors and augmentations",
            unit="times as long",
            wanted=1.15,
            sense="at most",
            reached=float(np.median(np.divide(ours, plain))),
        ),
        dict(
            what="inference of the fusion model, from arrays in memory",
            unit="pairs/s",
            wanted=100.0,
            sense="at least",
            reached=rates["fusion"],
        ),
        dict(
            what="inference of the spectrum model",
            unit="spectra/s",
            wanted=1500.0,
            sense="at least",
            reached=rates["spectrum"],
        ),
        dict(
            what=f"peak memory of training on and predicting {args.pairs} pairs",
            unit="GiB",
            wanted=6.0,
            sense="at most",
            reached=peak,
        ),
    ]
    result = dict(
        command="python benchmarks/train.py " + " ".join(sys.argv[1:] if argv is None else argv),
        samples=args.samples,
        size_px=SIZE_PX,
        epoch_s=float(np.median(ours)),
        plain_epoch_s=float(np.median(plain)),
        training_s=float(np.median(ours)) * Recipe().epochs,
        spectrum_training_s=spectrum_s,
        peers=peers,
        targets=targets,
        threads=torch.get_num_threads(),
        machine=dict(
            processor=platform.processor() or platform.machine(),
            cores=os.cpu_count(),
            system=platform.system(),
            python=platform.python_version(),
        ),
        versions={p: importlib.metadata.version(p) for p in ("torch", "fastai", "numpy", "scikit-learn")},
    )
    args.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for t in targets:
        print(f"{t['what']}: {t['reached']:.2f} {t['unit']}, wanted {t['sense']} {t['wanted']:g}")


if __name__ == "__main__":
    main()
