"""Ten kinds of change under a finished output: `python benchmarks/mixtures.py`.

After each change the same command is given again. It must refuse in words, or leave what a fresh call on the changed
data leaves. Anything else would be a silent mixture of old and new."""

import argparse
import shutil
import tempfile
import warnings
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import torch
from writers import content, dataset, few, write_measures, write_prediction

from microplastic_aging.aging import InputError
from microplastic_aging.predict import predict
from microplastic_aging.study.study import StudyConfig, run_study

DAMAGES = dict(cut=lambda raw: raw[: len(raw) // 2], empty=lambda raw: b"", noise=lambda raw: b"\x00\xff" * 40)
PAGES = True  # Whether studies write their reports, which takes nine tenths of the time
JSON_DAMAGES = DAMAGES | dict(list=lambda raw: b"[1, 2]", number=lambda raw: b"7", keys=lambda raw: b'{"a": 1}')


def study(data: Path, out: Path, **settings):
    "The study of `write_study` on any data, with any settings"
    models = ("spectrum", "classical_spectrum")
    asked = dict(epochs=1, models=models, mode="control", stages=()) | settings
    with nullcontext() if PAGES else patch("microplastic_aging.study.study.write_report"):
        run_study(StudyConfig(str(data), str(out), **asked), progress=False)


def judge(kind: str, again, out: Path, fresh: dict) -> str:
    "Give the command again; how that ends"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            again()
        except InputError as e:
            print(f"{kind}: refused: {str(e)[-160:]}")
            return "refused in words"
        except Exception as e:  # the point of the script
            print(f"{kind}: {type(e).__name__}: {e}")
            return "ERROR WITHOUT TYPE"
    found = content(out)
    if found != fresh:
        print(f"{kind}: differs in", sorted(k for k in {*found, *fresh} if found.get(k) != fresh.get(k)))
        return "SILENT MIXTURE"
    said = sum("made again" in str(w.message) or "damaged" in str(w.message) for w in caught)
    return "made again, and said so" if said else "as made anew"


def relabel(data: Path):
    "Give two specimens each other's type"
    table = pd.read_csv(data / "manifest.csv", dtype=str, keep_default_na=False)
    types = table.groupby("specimen_id", sort=False).aging_type.first()
    one, two = types.index[0], types.index[types != types.iloc[0]][0]
    types[[one, two]] = types[[two, one]].to_numpy()
    table.assign(aging_type=table.specimen_id.map(types)).to_csv(data / "manifest.csv", index=False)


def edit(data: Path, column: str, value):
    "Change an entry of the first specimen of a manifest"
    table = pd.read_csv(data / "manifest.csv", dtype=str, keep_default_na=False)
    table.loc[table.specimen_id == table.specimen_id[0], column] = value
    table.to_csv(data / "manifest.csv", index=False)


def other(data: Path, folder: str):
    "Put the content of one file under the name of another"
    first, second = sorted((data / folder).iterdir())[:2]
    shutil.copy(second, first)


def data_changes() -> dict:
    "Kind of change -> what it does to the data"
    return dict(
        picture=lambda data: other(data, "images"),
        spectrum=lambda data: other(data, "spectra"),
        label=relabel,
        polymer=lambda data: edit(data, "polymer", "PS"),
    )


def changed_data(work: Path, run: Path, ends: dict):
    "A study goes on after its data have changed"
    for kind, change in data_changes().items():
        data = Path(shutil.copytree(dataset(work, 0), work / kind))
        out = Path(shutil.copytree(run, work / f"run_{kind}"))
        change(data)
        ends[kind] = Counter([judge(kind, lambda data=data, out=out: study(data, out), out, {})])


def changed_settings(work: Path, run: Path, ends: dict):
    "A study goes on with another scheme, seed or number of epochs"
    scheme = work / "scheme.csv"
    names = pd.read_csv(dataset(work, 0) / "manifest.csv").aging_type.unique()
    rows = [f"{name},{int('chem' in name)},1,{int('phys' in name)}" for name in names]
    scheme.write_text("\n".join(["class,chemical,uv,physical", *rows, ""]))
    for kind, settings in dict(scheme=dict(scheme=str(scheme)), seed=dict(seed=1), epochs=dict(epochs=2)).items():
        out = Path(shutil.copytree(run, work / f"run_{kind}"))
        ends[kind] = Counter([judge(kind, lambda out=out, s=settings: study(dataset(work, 0), out, **s), out, {})])


def pieces(run: Path) -> list:
    "Every file of a run that another call reads"
    return sorted(p.relative_to(run) for p in run.rglob("*") if p.is_file() and p.suffix not in (".html", ".png"))


def damaged(work: Path, run: Path, whole: dict, ends: dict, every: int):
    "One piece of a run is damaged, in each way"
    found, todo = Counter(), []
    for piece in pieces(run):
        ways = JSON_DAMAGES if piece.suffix == ".json" else DAMAGES
        todo += [(piece, way, damage) for way, damage in ways.items()]
    for piece, way, damage in todo[::every]:
        out = Path(shutil.copytree(run, work / "damaged"))
        (out / piece).write_bytes(damage((run / piece).read_bytes()))
        found[judge(f"{piece} {way}", lambda out=out: study(dataset(work, 0), out), out, whole)] += 1
        shutil.rmtree(out)
    ends["damaged piece"] = found


def copied(work: Path, run: Path, whole: dict, ends: dict):
    "One piece of a run comes from a run of other data"
    theirs, found = work / "theirs", Counter()
    study(dataset(work, 1), theirs)
    names = {p.name for p in (theirs / "cache").iterdir()}
    for piece in pieces(run):
        source = theirs / piece if piece.parent.name != "cache" else theirs / "cache" / min(names)
        if not source.exists():
            continue
        out = Path(shutil.copytree(run, work / "copied"))
        shutil.copy(source, out / piece)
        found[judge(f"{piece} of another run", lambda out=out: study(dataset(work, 0), out), out, whole)] += 1
        shutil.rmtree(out)
    ends["piece of another run"] = found


def changed_code(work: Path, run: Path, ends: dict):
    "Another version of the package goes on with a study, and other models and data write over predictions and measures"
    out, fresh = Path(shutil.copytree(run, work / "newer")), work / "fresh"
    modules = "study.stage", "study.runs", "data.arrays", "model.store"
    with patch.multiple("microplastic_aging", __version__="9.9"):
        patches = [patch(f"microplastic_aging.{m}.__version__", "9.9") for m in modules]
        for p in patches:
            p.start()
        study(dataset(work, 0), fresh)
        found = Counter([judge("version", lambda: study(dataset(work, 0), out), out, _whole(fresh, out))])
        for p in patches:
            p.stop()
    for name, write in dict(prediction=write_prediction, measures=write_measures).items():
        write(work, work / f"{name}_new", 1)
        write(work, work / name, 0)
        end = judge(name, lambda w=write, n=name: w(work, work / n, 1), work / name, content(work / f"{name}_new"))
        found[end] += 1
    found[_without_explanations(work)] += 1
    ends["code, model, other data"] = found


def _whole(fresh: Path, out: Path) -> dict:
    "What a fresh run holds, with the cache of the earlier version, which stays and is not read"
    return content(fresh) | {k: v for k, v in content(out).items() if k.startswith("cache/")}


def _without_explanations(work: Path) -> str:
    "A new table of another model beside explanations of an earlier call"
    write_prediction(work, work / "explained", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predict(few(work, 0), work / "run", progress=False).save(work / "explained/p.csv")
    left = [p for p in content(work / "explained") if "_explained" in p]
    return "SILENT MIXTURE" if left else "as made anew"


def main():
    global PAGES
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="damage only every n-th piece")
    parser.add_argument("--without-reports", action="store_true", help="nine tenths of the time is theirs")
    asked = parser.parse_args()
    PAGES = not asked.without_reports
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    ends = {}
    with tempfile.TemporaryDirectory() as d:
        work, run = Path(d), Path(d) / "run"
        study(dataset(work, 0), run)
        whole = content(run)
        changed_data(work, run, ends)
        changed_settings(work, run, ends)
        damaged(work, run, whole, ends, asked.every)
        copied(work, run, whole, ends)
        changed_code(work, run, ends)
    for kind, found in ends.items():
        print(f"{kind}: {dict(found)}")
    bad = sum(n for found in ends.values() for end, n in found.items() if end.isupper())
    print(f"{len(ends)} kinds of change, {sum(map(Counter.total, ends.values()))} trials, {bad} bad ends")


if __name__ == "__main__":
    main()
