"""MODEL_CARD.md from the card of the model that comes with the package, and from the results that ship with it.

`python .ci/model_card.py [FOLDER]` writes FOLDER/MODEL_CARD.md (default: the project). The template
holds no number.
"""

import json
import sys
import tomllib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from microplastic_aging.aging import MECHANISMS
from microplastic_aging.attribute.attribution import load_attributor
from microplastic_aging.files import reference_result
from microplastic_aging.model.header import model_id
from microplastic_aging.model.store import DEFAULT_MODEL
from microplastic_aging.simulate.version1 import specimen_table

ROOT = Path(__file__).resolve().parents[1]


def percent(share):
    "A share as per cent with one decimal"
    return f"{100 * share:.1f} %"


def values():
    "What the template names"
    model = json.loads((DEFAULT_MODEL / "model.json").read_text(encoding="utf-8"))
    card, scheme, audit = model["card"], model["scheme"], reference_result("audit")
    grouped = {name: found["grouped"] for name, found in reference_result("study")["models"].items()}
    fusion = grouped["fusion"]
    if fusion["accuracy"] != card["measured"]["accuracy"]:
        raise SystemExit("the card quotes another reference run than the package ships: run `make model`")
    worst_class = min(fusion["per_class_recall"], key=fusion["per_class_recall"].get)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return dict(
        card=card,
        config=model["config"],
        identity=model_id(DEFAULT_MODEL),
        size_mb=sum(f.stat().st_size for f in DEFAULT_MODEL.iterdir()) / 1e6,
        polymers=sorted(set(specimen_table(card["data"]["n"], card["data"]["seed"]).polymer)),
        mechanisms=MECHANISMS,
        classes=list(zip(scheme["classes"], scheme["bits"], strict=True)),
        measured=card["measured"],
        alone={modality: grouped[modality]["accuracy"] for modality in card["measured"]["one_sided"]},
        worst_class=worst_class,
        worst_recall=fusion["per_class_recall"][worst_class],
        audit=audit,
        other=audit["other_generator"],
        real=audit["real_spectra"],
        sheets=audit["sheets"],
        errors=audit["errors"],
        finetuning=audit["finetuning"],
        thresholds=load_attributor(DEFAULT_MODEL).gate.threshold.items(),
        temperatures=card["temperature"].items(),
        licence=project["license"],
        percent=percent,
    )


def main(out=ROOT):
    loader = Environment(loader=FileSystemLoader(ROOT / ".ci"), undefined=StrictUndefined, trim_blocks=True)
    text = loader.get_template("model_card.md.j2").render(values())
    (Path(out) / "MODEL_CARD.md").write_text(text.strip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
