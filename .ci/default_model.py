"""Train the model that comes with the package on the whole simulated benchmark; its card quotes the record study.
`make model`

Where the familiar ends, and by how much frequencies are corrected, can only be shown by held-out specimens, which a
model trained on everything has not. Both come from models trained alike: from runs/study where the record is at
hand, else they stay as they are.
"""

import json
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from microplastic_aging.attribute.attribution import load_attributor, save_attributor
from microplastic_aging.attribute.novelty import fit_training_distribution
from microplastic_aging.attribute.severity import fit_severity_models, true_severity
from microplastic_aging.data.arrays import load_arrays
from microplastic_aging.data.manifest import read_samples
from microplastic_aging.model.header import ATTRIBUTION, SPECIMENS, write_beside
from microplastic_aging.model.predictions import embed_arrays
from microplastic_aging.model.recipe import Recipe
from microplastic_aging.model.store import DEFAULT_MODEL, load_model, save_model
from microplastic_aging.simulate.benchmark import write_benchmark
from microplastic_aging.train import train_manifest

root = Path(__file__).parents[1]
record = json.loads((root / "microplastic_aging/assets/results/study.json").read_text())
if record["protocol"]["recipe"] != asdict(Recipe()):
    raise SystemExit("the record was made with another recipe; make it again first")
study, data = record["models"]["fusion"]["grouped"], record["data"]
at_hand = root / "runs/study/models/fusion-grouped-0"
calibrated = load_attributor(at_hand if (at_hand / ATTRIBUTION).exists() else DEFAULT_MODEL)
if not calibrated or not calibrated.held_out:
    raise SystemExit(
        "neither runs/study nor the shipped model holds held-out predictions; "
        "make the reference run with its stage attribution first"
    )
with tempfile.TemporaryDirectory() as folder:
    write_benchmark(Path(folder) / "data", data["n"], record["seed"])
    made = load_model(train_manifest(Path(folder) / "data", Path(folder) / "model", "fusion", seed=record["seed"]))
    specimens = (Path(folder) / "model" / SPECIMENS).read_bytes()
    s = read_samples(Path(folder) / "data")
    arrays, rows = load_arrays(s, made.card["view"]["size_px"], made.card["view"]["fov_um"]), range(len(s))
    has = arrays.presence(made.modalities)
    rules = fit_severity_models(embed_arrays(made, arrays), true_severity(s), s.groups, has)
    attributor = replace(
        calibrated, distribution=fit_training_distribution(made, arrays, s.y, s.groups, rows), severity_models=rules
    )
card = made.card | dict(
    temperature={"image + spectrum": study["temperature"]}
    | {side: f["temperature"] for side, f in study["one_sided"].items()},
    made_for="Trying the package out, and as a beginning for `train --from` on a laboratory's own particles.",
    not_for="Statements about real particles. It was trained on simulated micrographs and spectra of PE, PP, PS and "
    "PET only, and nothing it says has been checked on real, paired measurements.",
    classes="Eight: the seven combinations of chemical, UV and physical ageing, and unaged.",
    measured=dict(
        what=f"accuracy of models trained alike, {len(record['protocol']['grouped'])} grouped folds of the same "
        "simulated benchmark",
        commit=record["commit"],
        accuracy=study["accuracy"],
        accuracy_ci=study["accuracy_ci"],
        ece_after=study["ece_after"],
        one_sided={k: f["accuracy"] for k, f in study["one_sided"].items()},
    ),
)
if card["data_hash"] != data["hash"]:
    raise SystemExit(
        f"this machine decodes the benchmark to {card['data_hash'][:12]}, the reference run rests on "
        f"{data['hash'][:12]}: make that run again first"
    )
shutil.rmtree(DEFAULT_MODEL, ignore_errors=True)
save_model(made, DEFAULT_MODEL, card)
write_beside(DEFAULT_MODEL, SPECIMENS, specimens)
save_attributor(attributor, DEFAULT_MODEL)
print({f.name: f.stat().st_size for f in DEFAULT_MODEL.iterdir()})
