"""Ask the trained networks of a run again, as the present code asks, and write its figures anew. Nothing is trained.

`python benchmarks/ask_again.py RUN` for a change of how a net is asked (turns of the micrograph, a hidden side);
the jobs keep the commit that trained them and get, beside it, the one that asked.
About a quarter of an hour on one core for the record; jobs that this commit has asked are left alone, so it goes on
where it stopped.
"""

import argparse
import json
from dataclasses import fields
from pathlib import Path

from tqdm import tqdm

from microplastic_aging.evaluate.baselines import MODEL_MODALITIES
from microplastic_aging.model.predictions import predict_arrays
from microplastic_aging.model.store import load_model
from microplastic_aging.report.page import write_report
from microplastic_aging.study.controls import variation_stage
from microplastic_aging.study.experiments import EXPERIMENTS
from microplastic_aging.study.headline import HEADLINE, predict_with_missing
from microplastic_aging.study.provenance import commit
from microplastic_aging.study.runs import StudyConfig, open_run, variant_run
from microplastic_aging.study.stage import job_file, read_job, run_stage, write_job, write_summary


def jobs(run):  # Yields (run that holds it, model, split, fold)
    for model, split, fold in run.todo():
        if model in ("fusion", "image", "spectrum"):
            yield run, model, split, fold
    for name, v in EXPERIMENTS.items():
        own = variant_run(run, v.variant)
        for folder in sorted((own.out / "models").glob(f"{name}-grouped-*")):
            yield own, name, "grouped", int(folder.name.rsplit("-", 1)[1])


def main(argv=None):
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("run", type=Path)
    folder = args.parse_args(argv).run
    held, known = json.loads((folder / "config.json").read_text()), {f.name for f in fields(StudyConfig)}
    run = open_run(
        StudyConfig(
            **{k: tuple(v) if isinstance(v, list) else v for k, v in held.items() if k in known} | dict(out=str(folder))
        )
    )
    for own, model, split, fold in tqdm(list(jobs(run)), "asking", unit="job"):
        rows, answers, notes = read_job(own.out, model, split, fold)
        if notes.get("asked") == commit():
            continue
        net = load_model(own.model_folder(model, fold, split))
        new = (
            predict_with_missing(net, own.arrays, rows)
            if model in MODEL_MODALITIES
            else dict(prob=predict_arrays(net, own.arrays, rows)[0])
        )
        write_job((own.out, model, split, fold), rows, answers | new, notes | dict(asked=commit()))
    for again in ("wet", "robustness"):
        job_file(run.out, again).unlink(missing_ok=True)
    write_summary(run, HEADLINE)
    if run.config.is_usual:
        run_stage(run, variation_stage("controls"))
    write_report(run.out)


if __name__ == "__main__":
    main()
