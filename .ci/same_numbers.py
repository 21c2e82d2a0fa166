"""Does a change of structure leave every number as it was?

    python .ci/same_numbers.py record FOLDER [CHECKOUT]   # what CHECKOUT (default: this one) computes, in minutes
    python .ci/same_numbers.py compare BEFORE AFTER       # ends with 1 where a number differs

It goes through the command line only, so it can record checkouts whose modules have other names: the simulated
benchmark and
its controls, a small study, and the shipped model on simulated samples and, where `../shared/data` is there, on
real files.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
VARIANTS = ("standard", "neutral", "shuffled", "wet")
VOLATILE = {
    "ms_per_pair",
    "seconds",
    "commit",
    "asked",
    "out",
    "manifest",
}  # keys that may differ between two runs of the same code
MPX_STEP = 60  # every so many spectra of the sheets


def command(checkout, *words, cwd):
    "Run the command line of one checkout"
    env = {**os.environ, "PYTHONPATH": str(checkout)}
    code = "from microplastic_aging.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], cwd=cwd, env=env, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def digest(folder):
    "File -> SHA-256 of its content"
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def simulated(checkout, out):
    "The benchmark, its controls and a field; digests of every file"
    found = {}
    for variant in VARIANTS:
        command(checkout, "simulate", out / variant, "--samples", 96, "--variant", variant, cwd=out)
        found[variant] = digest(out / variant)
    command(checkout, "simulate", out / "field", "--campaign", "--samples", 64, cwd=out)
    found["field"] = digest(out / "field")
    (out / "digests.json").write_text(json.dumps(found, indent=1))


def copies(source, folder, name):
    "Instrument files side by side in one folder, named so that none hides another"
    (folder / name).mkdir(parents=True)
    for path in sorted(p for p in source.rglob("*") if p.is_file() and not p.name.startswith("LICENSE")):
        shutil.copy(path, folder / name / "_".join(path.relative_to(source).parts))


def proposed(checkout, folder):
    "Take the manifest that `check` proposes as it is"
    command(checkout, "check", folder, cwd=folder.parent)
    [proposal] = folder.glob("proposed_manifest.csv")
    proposal.rename(folder / "manifest.csv")


def sheets(source, folder):
    "Some spectra of the sheets as a dataset"
    (folder / "spectra").mkdir(parents=True)
    with np.load(source / "spectra.npz") as d:
        wn, ab = d["wavenumber"], d["absorbance"]
    rows = range(0, len(ab), MPX_STEP)
    for i in rows:
        np.savetxt(
            folder / f"spectra/{i}.csv", np.c_[wn, ab[i]], "%.6g", ",", header="wavenumber_cm-1,absorbance", comments=""
        )
    pd.DataFrame(dict(sample_id=[f"s{i}" for i in rows], spectrum=[f"spectra/{i}.csv" for i in rows])).to_csv(
        folder / "manifest.csv", index=False
    )


def predicted(checkout, out):
    "The shipped model on simulated samples and on real files"
    command(checkout, "simulate", out / "samples", "--samples", 200, "--seed", 7, cwd=out)
    sets = [out / "samples", out / "field"]
    if (real := ROOT.parent / "shared/data").is_dir():
        for name in ("ftir_files", "sem_files"):
            copies(real / name, out, name)
            proposed(checkout, out / name)
        sheets(real / "mpx_vlfr", out / "mpx")
        sets += [out / "ftir_files", out / "sem_files", out / "mpx"]
    for data in sets:
        command(checkout, "predict", data, "--out", out / f"{data.name}_predictions.csv", cwd=out)


def record(out, checkout=ROOT):
    out, checkout = Path(out).resolve(), Path(checkout).resolve()
    out.mkdir(parents=True)
    simulated(checkout, out)
    predicted(checkout, out)
    command(checkout, "study", "--quick", "--out", out / "quick", cwd=out)


def differences(a, b, at=""):
    "Places at which two JSON values differ, but for what is volatile"
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted((a.keys() | b.keys()) - VOLATILE):
            if k in a and k in b:
                yield from differences(a[k], b[k], f"{at}.{k}")
            else:
                yield f"{at}.{k}: only in one"
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, pair in enumerate(zip(a, b, strict=True)):
            yield from differences(*pair, f"{at}[{i}]")
    elif a != b:
        yield f"{at}: {a!r} before, {b!r} after"


RENAMED = {  # columns of version 0.1 -> those of today
    "likeliest": "predicted_class",
    "aged": "aged_p",
    "primary": "dominant_mechanism",
    "p_primary": "dominant_p",
    "strangeness": "novelty_score",
    "known": "in_distribution",
    "nearest_type": "nearest_class",
    "sides_used": "modalities_used",
    "plain_count": "uncorrected",
    "views": "samples",
}
PREFIXES = {"m_": "mechanism_p_", "primary_": "dominant_p_", "evidence_": "log_odds_", "given_": "input_"}


def current(column):
    "Today's name of a column"
    if column in RENAMED:
        return RENAMED[column]
    for old, new in PREFIXES.items():
        if column.startswith(old):
            return new + column.removeprefix(old)
    return column


def as_value(path):
    "A table or a JSON file as plain values"
    if path.suffix == ".json":
        return json.loads(path.read_text())
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table.rename(columns=current).to_dict("list")


def compare(before, after):
    before, after = Path(before), Path(after)
    tables = [
        p.relative_to(before)
        for p in sorted(before.glob("*.csv")) + sorted(before.glob("*.json")) + sorted(before.glob("quick/*.csv"))
    ]
    tables += [
        Path("quick") / f"{name}.json"
        for name in ("metrics", "curves", "evidence", "attribution")
        if (before / f"quick/{name}.json").exists()
    ]
    wrong, numbers = [], 0
    for name in tables:
        if not (after / name).exists():
            wrong.append(f"{name}: is not there after")
            continue
        a, b = as_value(before / name), as_value(after / name)
        found = list(differences(a, b))
        numbers += sum(1 for _ in leaves(a))
        print(f"{name}: {'the same' if not found else f'{len(found)} differences'}")
        wrong += [f"{name}{f}" for f in found[:10]]
    print(f"{len(tables)} files, {numbers} values")
    if wrong:
        raise SystemExit("\n".join(wrong))


def leaves(value):
    "Every single value of a nested one"
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for v in value:
            yield from leaves(v)
    else:
        yield value


if __name__ == "__main__":
    dict(record=record, compare=compare)[sys.argv[1]](*sys.argv[2:])
