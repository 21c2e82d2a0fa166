"""Speed of attributing a field: 10 000 samples from arrays in memory, and the shares of four sites with their
intervals.

`python benchmarks/attribute.py` writes
microplastic_aging/assets/results/speed_attribute.json; the page studies/07_speed shows it. The
particles are simulated; a few hundred views stand in many times for the whole, under names of
their own. The peer is the plain loop: the same network asked about one sample at a time.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from microplastic_aging.attribute.attribution import (
    attribute,
    attribute_specimens,
    calibrated_predictions,
    found_confounders,
    load_attributor,
    views_counted,
)
from microplastic_aging.attribute.frequencies import SampleOrigin, frequencies
from microplastic_aging.data.arrays import View, load_unlabelled
from microplastic_aging.data.manifest import read_unlabelled
from microplastic_aging.files import write_atomic
from microplastic_aging.model.store import DEFAULT_MODEL, load_model
from microplastic_aging.simulate.field import write_campaign

OUT = Path(__file__).resolve().parents[1] / "microplastic_aging/assets/results/speed_attribute.json"
PARTICLES, VIEWS, ALONE = 25, 2, 60  # Particles of each site, views of each; samples asked one by one


def field(net) -> tuple:  # `Samples`, `Arrays`
    "Four simulated sites, as the network sees them"
    with tempfile.TemporaryDirectory() as home:
        samples, _ = read_unlabelled(
            write_campaign(Path(home) / "field", specimens=PARTICLES, views=VIEWS, progress=False), net.scheme
        )
        return samples, load_unlabelled(samples, View(**net.card["view"]))[0]


def seconds(fn) -> tuple:  # Seconds, what it returned
    start = time.perf_counter()
    made = fn()
    return time.perf_counter() - start, made


def main(argv=None):
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--samples", type=int, default=10_000)
    args.add_argument("--out", type=Path, default=OUT)
    args = args.parse_args(argv)
    warnings.simplefilter("ignore")
    net, attributor = load_model(DEFAULT_MODEL), load_attributor(DEFAULT_MODEL)
    samples, few = field(net)
    copies = -(-args.samples // len(few))
    rows = np.tile(np.arange(len(few)), copies)[: args.samples]
    arrays, groups, site = (
        few.take(rows),
        np.char.add(samples.groups[rows], np.char.add("_", (np.arange(args.samples) // len(few)).astype(str))),
        samples.table.site.to_numpy(str)[rows],
    )

    def one_by_one():
        for i in range(ALONE):
            attribute(*(lambda a, has: (a, attributor, has, net.scheme))(*calibrated_predictions(net, few.take([i]))))

    def all_together():
        answers, has = calibrated_predictions(net, arrays)
        views = attribute(answers, attributor, has, net.scheme).assign(
            confounders=found_confounders(arrays),
            **{f"p_{c}": answers.prob[:, i] for i, c in enumerate(net.scheme.classes)},
        )
        specimens = attribute_specimens(answers, attributor, has, net.scheme, groups)
        return views.assign(counted=views_counted(views, specimens, groups))

    alone = seconds(one_by_one)[0] / ALONE
    whole, views = seconds(all_together)
    origin, used = SampleOrigin(groups, site), " + ".join(net.modalities)
    shares = seconds(lambda: frequencies(views, origin, attributor, used, net.scheme))[0]
    targets = [
        dict(
            what=f"attributing {args.samples} natural samples, by view and by specimen, with confounders",
            unit="s",
            wanted=180.0,
            sense="at most",
            reached=whole,
        ),
        dict(
            what="the same, against one sample at a time",
            unit="times as fast",
            wanted=1.0,
            sense="at least",
            reached=alone * args.samples / whole,
        ),
        dict(
            what=f"shares of four sites with their intervals, {len(set(groups[views.counted]))} known specimens",
            unit="s",
            wanted=30.0,
            sense="at most",
            reached=shares,
        ),
    ]
    result = dict(
        command="python benchmarks/attribute.py " + " ".join(sys.argv[1:] if argv is None else argv),
        simulated=True,
        targets=targets,
        threads=torch.get_num_threads(),
        machine=dict(
            processor=platform.processor() or platform.machine(),
            cores=os.cpu_count(),
            system=platform.system(),
            python=platform.python_version(),
        ),
        versions={p: importlib.metadata.version(p) for p in ("torch", "numpy", "pandas", "scikit-learn")},
    )
    write_atomic(args.out, (json.dumps(result, indent=1, ensure_ascii=False) + "\n").encode())
    for t in targets:
        print(f"{t['what']}: {t['reached']:.2f} {t['unit']}, wanted {t['sense']} {t['wanted']:g}")


if __name__ == "__main__":
    main()
