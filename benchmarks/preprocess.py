"""Speed of preprocessing against a plain pybaselines loop, chemotools and ramanspy, in one run.

`python benchmarks/preprocess.py` writes
microplastic_aging/assets/results/speed_preprocess.json; the page studies/07_speed shows it.
Spectra are simulated. Times are processor
time of one thread, so that other work on the machine counts less; the contenders take turns, and medians over the
turns are compared.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
from pathlib import Path

import numpy as np
from pybaselines import Baseline
from scipy.signal import savgol_filter
from sklearn.pipeline import make_pipeline

from microplastic_aging.spectra.core import GRID
from microplastic_aging.spectra.corrections import BASELINE_WIDTH, RemoveBaseline
from microplastic_aging.spectra.library import pristine_bands, pseudo_voigt
from microplastic_aging.spectra.transforms import SNV, SavGol, WithAxis, snv

OUT = Path(__file__).resolve().parents[1] / "microplastic_aging/assets/results/speed_preprocess.json"
WINDOW, ORDER, STEP = 5, 2, GRID[1] - GRID[0]
LAM = (BASELINE_WIDTH / (2 * np.pi * STEP)) ** 4
OURS, LOOP = "microplastic_aging", "plain loop"


def spectra(n, seed=0):
    "Polymers on offset, tilt and curvature, with noise; shape (n, 851)"
    rng = np.random.default_rng(seed)
    pure = np.array([pseudo_voigt(GRID, *b.T) for b in pristine_bands().values()])
    t = (GRID - 2300) / 1700
    baseline = (
        np.outer(rng.uniform(0, 0.3, n), np.ones_like(t))
        + np.outer(rng.normal(0, 0.05, n), t)
        + np.outer(rng.normal(0, 0.03, n), t**2)
    )
    return (
        pure[rng.integers(len(pure), size=n)] * rng.uniform(0.1, 1, (n, 1))
        + baseline
        + 0.001 * rng.normal(size=(n, t.size))
    )


def contenders(ab):
    "task -> who -> function without arguments that returns the treated spectra"
    import ramanspy
    from chemotools.baseline import ArPls
    from chemotools.scatter import StandardNormalVariate
    from chemotools.smooth import SavitzkyGolayFilter

    container = ramanspy.SpectralContainer(ab, GRID)
    fitter = Baseline(GRID)

    def ours(*steps):
        return make_pipeline(WithAxis(GRID), *steps).fit(ab[:4])

    def chemo(*steps):
        return make_pipeline(*steps).fit(ab[:4])

    def raman(*steps):
        return lambda: ramanspy.preprocessing.Pipeline(list(steps)).apply(container).spectral_data

    def loop(one):
        return lambda: np.array([one(row) for row in ab])

    arpls, sg, scale = (
        (lambda y: y - fitter.arpls(y, lam=LAM)[0]),
        (lambda y: savgol_filter(y, WINDOW, ORDER)),
        (lambda y: snv(y, np.ones(y.shape, bool))),
    )
    chemo_arpls, chemo_sg = (
        ArPls(lam=LAM, ratio=1e-3, nr_iterations=51, max_iter_after_warmstart=51),
        SavitzkyGolayFilter(window_length=WINDOW, polyorder=ORDER, mode="interp"),
    )
    raman_arpls, raman_sg = (
        ramanspy.preprocessing.baseline.ARPLS(lam=LAM),
        ramanspy.preprocessing.denoise.SavGol(window_length=WINDOW, polyorder=ORDER),
    )
    steps = {
        "baseline": (RemoveBaseline(), arpls, chemo_arpls, raman_arpls),
        "smoothing": (SavGol(WINDOW * STEP, ORDER), sg, chemo_sg, raman_sg),
        "normalisation": (SNV(), scale, StandardNormalVariate(), ramanspy.preprocessing.normalise.Vector()),
    }
    tasks = {
        name: {OURS: ours(a).transform, LOOP: loop(b), "chemotools": chemo(c).transform, "ramanspy": raman(d)}
        for name, (a, b, c, d) in steps.items()
    }
    a, b, c, d = zip(*steps.values(), strict=True)
    tasks["all three"] = {
        OURS: ours(*a).transform,
        LOOP: loop(lambda y: b[2](b[1](b[0](y)))),
        "chemotools": chemo(*c).transform,
        "ramanspy": raman(*d),
    }
    return {
        task: {who: ((lambda f=f: f(ab)) if who in (OURS, "chemotools") else f) for who, f in by.items()}
        for task, by in tasks.items()
    }


def race(by, turns):
    """Processor seconds of each contender, by turns, and what each made; the first turn, with its compilation, is not
    counted"""
    made, spent = {who: np.asarray(f()) for who, f in by.items()}, {who: [] for who in by}
    for _ in range(turns):
        for who, f in by.items():
            start = time.process_time()
            f()
            spent[who].append(time.process_time() - start)
    return spent, made


def ratio(times, slow, fast):
    return float(np.median(np.divide(times[slow], times[fast])))


def main(argv=None):
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--spectra", type=int, default=96)
    args.add_argument("--turns", type=int, default=5)
    args.add_argument("--out", type=Path, default=OUT)
    args = args.parse_args(argv)
    warnings.simplefilter("ignore")
    ab, rows, spent = spectra(args.spectra), [], {}
    for task, by in contenders(ab).items():
        spent[task], made = race(by, args.turns)
        rows += [
            dict(
                task=task,
                who=who,
                us_per_spectrum=1e6 * float(np.median(times)) / len(ab),
                spread=1e6 * float(np.ptp(times)) / len(ab),
                difference=float(np.abs(made[who] - made[LOOP]).max()),
            )
            for who, times in spent[task].items()
        ]
        print(task, *(f"{r['who']} {r['us_per_spectrum']:.1f} us," for r in rows if r["task"] == task), flush=True)
    whole, bare = {OURS: spent["all three"][OURS]}, {LOOP: spent["baseline"][LOOP]}
    targets = [
        dict(
            what="baseline, smoothing and normalisation together against pybaselines alone in a plain loop",
            wanted=1.0,
            reached=ratio(whole | bare, LOOP, OURS),
        ),
        dict(
            what="Savitzky–Golay on a matrix against the loop over rows",
            wanted=5.0,
            reached=ratio(spent["smoothing"], LOOP, OURS),
        ),
    ]
    result = dict(
        command="python benchmarks/preprocess.py " + " ".join(sys.argv[1:] if argv is None else argv),
        simulated=True,
        spectra=len(ab),
        points=int(ab.shape[1]),
        turns=args.turns,
        lam=LAM,
        clock="processor time, one thread",
        machine=dict(
            processor=cpu_name(), cores=os.cpu_count(), system=platform.system(), python=platform.python_version()
        ),
        versions={
            p: importlib.metadata.version(p)
            for p in ("numpy", "scipy", "scikit-learn", "numba", "pybaselines", "chemotools", "ramanspy")
        },
        rows=rows,
        targets=targets,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for t in targets:
        print(f"{t['what']}: {t['reached']:.1f} times, wanted {t['wanted']:.0f}")


def cpu_name():
    "What the processor calls itself"
    try:
        return next(
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
