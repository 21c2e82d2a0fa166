"""Fit the oxidation readers and judge them on sets that they have not seen.

Writes microplastic_aging/assets/oxidation and microplastic_aging/assets/results/oxidation.json. The planted spectra
are kept in a folder, so that a second call goes on where the first one stopped. Spectra that are not in the cache are
downloaded (`data.public.fetch`); MPX_specDB must lie below the folder that MPA_PUBLIC names.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from microplastic_aging.data.public import fetch
from microplastic_aging.evaluate.oxidation_fit import (
    CARBONYL,
    FitSettings,
    auroc_of,
    choose_strength,
    fit_reader,
    index_values,
    judge_blanks,
    judge_planted,
)
from microplastic_aging.simulate.chemistry import bumps, draw_material
from microplastic_aging.simulate.planted import PlantedSpectra, _streams, generate_many, plant_many
from microplastic_aging.simulate.spectrometer import blurred
from microplastic_aging.spectra.core import GRID, to_grid
from microplastic_aging.spectra.index_definitions import ALL_INDICES, find_index
from microplastic_aging.spectra.oxidation import contrasts, oxidation_table, save_readers
from microplastic_aging.spectra.polymers import propose_polymers
from microplastic_aging.spectra.transforms import snv

ROOT = Path(__file__).resolve().parents[1]
POLYMERS = ("PE", "PP", "PS")  # Shipped
SHOWN_STRENGTHS = (0.0003, 0.003, 0.1)
TRIED = ("PET",)  # Fitted and judged alike, and not shipped: most of what is planted goes unseen
PRISTINE = ("PE", "PP", "PS", "PET")
VERDICTS = ("oxidised", "not measurably oxidised", "not clear", "cannot be told")
GIVEN = VERDICTS[:2]
OXIDATION = ("carbonyl", "ester", "hydroxyl", "vinyl", "C=C", "ketone", "lactone", "acid", "end groups")


def gridded(found):
    "Spectra on the grid: absorbance and measured, (n, 851) each"
    values, mask = zip(*map(to_grid, found.spectra), strict=True)
    return np.stack(values).astype(float), np.stack(mask)


def near_copies(spectra, polymer):
    "A number for each spectrum; spectra whose slopes between 1000 and 1900 hardly differ share one"
    slopes = np.diff(spectra[:, (GRID > 1000) & (GRID < 1900)], axis=1)
    slopes /= np.linalg.norm(slopes, axis=1, keepdims=True)
    alike = slopes @ slopes.T > 0.9995
    name = np.arange(len(spectra))
    for i in range(len(spectra)):
        name[alike[i]] = min(name[alike[i]].min(), name[i])
    return np.array([f"{polymer} {k}" for k in name])


def villegas(resolution):
    "FTIR-Plastics without copies, and without spectra that show another polymer than their name says"
    found = fetch("villegas_camacho_2024", resolution)
    spectra, measured = gridded(found)
    seen = propose_polymers(spectra, measured)
    kept = (found.table.polymer == seen.polymer) & (seen.p >= 0.9) & ~pd.DataFrame(spectra).duplicated()
    return spectra[kept], measured[kept], found.table[kept].reset_index(drop=True)


def not_measurably_oxidised(bases, polymer):
    "Bases without those whose carbonyl index is above its limit, or far above the others where it has none"
    spectra, measured, specimen = bases
    value = index_values(spectra, measured, polymer, CARBONYL[polymer])
    blank, middle = find_index(CARBONYL[polymer]).blank, np.median(value)
    limit = blank.limit if blank else middle + 5 * 1.4826 * np.median(np.abs(value - middle))
    return spectra[value <= limit], measured[value <= limit], specimen[value <= limit]


def flopp(environmental):
    found = fetch("frond_2021")
    spectra, measured = gridded(found)
    kept = (found.table.environmental == environmental).to_numpy()
    return spectra[kept], measured[kept], found.table[kept].reset_index(drop=True)


def mpx(treatment):
    "Sheets without known defects; `sheet` is the specimen"
    found = fetch("mpx_vlfr")
    kept = ((found.table.flag == "") & (found.table.Treatment == treatment)).to_numpy()
    spectra, measured = gridded(found)
    return spectra[kept], measured[kept], found.table[kept].reset_index(drop=True)


def of_polymer(loaded, polymer, specimen="sample_id"):
    "Bases of one polymer: absorbance, measured, specimen"
    spectra, measured, table = loaded
    rows = (table.polymer == polymer).to_numpy()
    return spectra[rows], measured[rows], table[specimen][rows].to_numpy()


def kept_or_made(path, make):
    "Planted spectra from an earlier call, or made now"
    names = ("spectra", "measured", "mechanism", "severity", "specimen")
    if path.exists():
        with np.load(path) as stored:
            return PlantedSpectra(*(stored[n] for n in names))
    made = make()
    columns = {n: np.asarray(getattr(made, n)) for n in names}
    columns |= dict(mechanism=columns["mechanism"].astype(str), specimen=columns["specimen"].astype(str))
    part = path.with_suffix(".part.npz")
    np.savez(part, **columns)
    os.replace(part, path)
    return made


def training(polymer, learnt, n, work):
    "Planted spectra that are learnt from, by source"
    bases = generate_many(polymer, n, 21)
    sets = {"generated": kept_or_made(work / f"{polymer}_generated.npz", lambda: plant_many(bases, polymer, n, 22))}
    spectra, measured, _ = not_measurably_oxidised(of_polymer(learnt, polymer), polymer)
    own = spectra, measured, near_copies(spectra, polymer)
    sets["villegas_camacho_2024"] = kept_or_made(
        work / f"{polymer}_villegas.npz", lambda: plant_many(own, polymer, n, 23)
    )
    return sets


def tests():
    "Unoxidised spectra of sets that are not learnt from, with the column that names the specimen"
    return {
        "FLOPP, as bought": (flopp(False), "sample_id"),
        "MPX, cleaned": (mpx("nobio"), "sheet"),
        "MPX, fouled": (mpx("bio"), "sheet"),
    }


def judged(readers, held, n, work):
    "Planted products on the test sets"
    rows = []
    for name, (loaded, specimen) in held.items():
        for polymer, reader in readers.items():
            bases = of_polymer(loaded, polymer, specimen)
            path = work / f"test_{name.replace(', ', '_').replace(' ', '_')}_{polymer}.npz"
            planted = kept_or_made(path, lambda b=bases, p=polymer: plant_many(b, p, n, 31, disturbed=False))
            rows.append(dict(set=name, polymer=polymer) | judge_planted(reader, planted, polymer))
    return rows


def pooled(held, readers, n, work):
    "All test sets together: the gain over the index with its interval"
    rows = []
    for polymer, reader in readers.items():
        paths = [work / f"test_{name.replace(', ', '_').replace(' ', '_')}_{polymer}.npz" for name in held]
        sets = [kept_or_made(path, None) for path in paths]
        names = ("spectra", "measured", "mechanism", "severity", "specimen")
        columns = [np.concatenate([getattr(s, k) for s in sets]) for k in names]
        rows.append(
            dict(set="all together", polymer=polymer) | judge_planted(reader, PlantedSpectra(*columns), polymer)
        )
    return rows


def blank_rows(held):
    "Verdicts on unoxidised spectra, by set, and of all that are not fouled"
    rows, tables = [], {p: [] for p in PRISTINE}
    for name, (loaded, specimen) in held.items():
        for polymer in PRISTINE:
            spectra, measured, of = of_polymer(loaded, polymer, specimen)
            table = oxidation_table(spectra, measured, polymer)
            rows.append(dict(set=name, polymer=polymer) | judge_blanks(table, of))
            tables[polymer].append(table.assign(of=polymer + of.astype(object)))
    for polymer, own in tables.items():
        unfouled = pd.concat(own[:-1])  # the last set is the fouled one
        rows.append(dict(set="as bought and cleaned", polymer=polymer) | judge_blanks(unfouled, unfouled.of.to_numpy()))
    for names in (POLYMERS, PRISTINE):
        unfouled = pd.concat([own for p in names for own in tables[p][:-1]])
        row = dict(set="as bought and cleaned", polymer=", ".join(names))
        rows.append(row | judge_blanks(unfouled, unfouled.of.to_numpy()))
    return rows


def strength_rows(sets, losses, held, work):
    "What other strengths of the regression would have done"
    rows = []
    for strength in SHOWN_STRENGTHS:
        for polymer in POLYMERS:
            reader = fit_reader(sets[polymer], polymer, FitSettings(strength=strength))
            unfouled = [of_polymer(loaded, polymer) for loaded, _ in [*held.values()][:-1]]
            scores = [reader.scores(reader.scaled(contrasts(x, m, polymer))).mean(0) for x, m, _ in unfouled]
            row = dict(strength=strength, polymer=polymer, log_loss=losses[strength][polymer])
            row |= dict(called_oxidised=float((np.concatenate(scores) > reader.limit).mean()))
            of_test = pooled(held, {polymer: reader}, 0, work)[0]
            rows.append(row | {k: of_test[k] for k in ("auroc", "found")})
    return rows


def wrong_sheets(held):
    "Specimens of unoxidised spectra that are called oxidised"
    rows = []
    for name, (loaded, specimen) in held.items():
        for polymer in POLYMERS:
            spectra, measured, of = of_polymer(loaded, polymer, specimen)
            table = oxidation_table(spectra, measured, polymer).assign(of=of)
            for sheet, own in table.groupby("of"):
                called = int((own.verdict == "oxidised").sum())
                if called:
                    row = dict(set=name, polymer=polymer, specimen=sheet.replace("|", " "), spectra=len(own))
                    rows.append(row | dict(called_oxidised=called, median_carbonyl=float(own.carbonyl.median())))
    return rows


def regression_auroc(spectra, measured, y, folds):
    "Plain logistic regression on SNV spectra, a mean over the same folds"
    points = snv(spectra, measured)[:, measured.all(0)]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    split = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(5)]
    score = cross_val_predict(model, points, y, cv=split, method="decision_function")
    return float(np.mean([auroc_of(y[folds == k], score[folds == k]) for k in range(5)]))


def environment_rows():
    "FLOPP against FLOPP-e"
    rng, rows = np.random.default_rng(0), []
    new, old = flopp(False), flopp(True)
    for polymer in PRISTINE:
        (a, ma, _), (b, mb, _) = (of_polymer(x, polymer) for x in (new, old))
        spectra, measured = np.concatenate([a, b]), np.concatenate([ma, mb])
        y = np.repeat([False, True], [len(a), len(b)])
        table = oxidation_table(spectra, measured, polymer)
        given = table.verdict.isin(GIVEN).to_numpy()
        names = [i.name for i in ALL_INDICES if polymer in i.polymers and any(w in i.name for w in OXIDATION)]
        values = {n: index_values(spectra, measured, polymer, n) for n in names}
        folds = rng.permutation(len(y)) % 5
        chosen = [max(values, key=lambda n, k=k: auroc_of(y[folds != k], values[n][folds != k])) for k in range(5)]
        of_chosen = np.mean([auroc_of(y[folds == k], values[n][folds == k]) for k, n in enumerate(chosen)])
        row = dict(polymer=polymer, as_bought=len(a), environment=len(b))
        row["auroc_reader"] = None if table.score.isna().all() else auroc_of(y, table.score.fillna(table.score.min()))
        row |= dict(auroc_carbonyl=auroc_of(y, values[CARBONYL[polymer]]), auroc_chosen_index=float(of_chosen))
        row |= dict(chosen=", ".join(sorted(set(chosen))))
        row |= dict(auroc_regression=regression_auroc(spectra, measured, y, folds))
        row |= dict(verdicts_as_bought=given[~y].mean(), verdicts_environment=given[y].mean())
        row |= dict(oxidised_environment=float((table.verdict[y] == "oxidised").sum() / max(given[y].sum(), 1)))
        rows.append(row)
    return rows


def resolution_rows(held):
    "Real spectra as they are, and blurred from 4 to 8 cm⁻¹"
    rows = []
    for name, (loaded, specimen) in held.items():
        for polymer in POLYMERS:
            spectra, measured, _ = of_polymer(loaded, polymer, specimen)
            coarse = np.stack([blurred(x, np.sqrt(8.0**2 - 4.0**2) / 2.355) for x in spectra])
            a, b = (oxidation_table(x, measured, polymer) for x in (spectra, coarse))
            both = (a.verdict != "cannot be told") & (b.verdict != "cannot be told")
            calls = (a.verdict == "oxidised") == (b.verdict == "oxidised")
            row = dict(set=name, polymer=polymer, both_judged=int(both.sum()))
            row |= dict(verdicts_agree=float((a.verdict == b.verdict)[both].mean()))
            rows.append(row | dict(oxidised_or_not_agree=float(calls[both].mean())))
    weights = [row["both_judged"] for row in rows]
    keys = ("verdicts_agree", "oxidised_or_not_agree")
    means = {k: float(np.average([row[k] for row in rows], weights=weights)) for k in keys}
    return [*rows, dict(set="all together", polymer=", ".join(POLYMERS), both_judged=sum(weights)) | means]


PUBLISHED = (0.044, 0.110, 0.197, 0.233, 0.260, 0.275, 0.295, 0.311, 0.317)  # A(1715)/A(2851) at nine doses, see DOSES
DOSES = dict(source="cran/netSEM, table crack: polyethylene under UVA, mean ratios of nine equal steps of dose")
SCATTER = 0.3  # Of the ratio between samples of one dose, relative (published: 0.2 to 0.6)


def dosed(spectrum, ratio, seed):
    "Simulated UV products of one recipe, as high at the carbonyl as a published ratio says"
    bands = draw_material(_streams(seed), "PE", wet=False).changes["uv"].bands
    shape = bumps(bands)
    carbonyl = shape[(GRID >= 1700) & (GRID <= 1750)].max()
    height = spectrum[np.abs(GRID - 2850) <= 8].max() - spectrum[(GRID > 2700) & (GRID < 2800)].min()
    return spectrum + ratio * height * shape / carbonyl


def dose_rows(held):
    "Published carbonyl ratios of a dose series, planted on real polyethylene: does the score rise with dose?"
    rows, rng = [], np.random.default_rng(0)
    for name, (loaded, specimen) in held.items():
        spectra, measured, of = of_polymer(loaded, "PE", specimen)
        first = np.unique(of, return_index=True)[1]
        i, dose = np.repeat(first, len(PUBLISHED)), np.tile(np.arange(len(PUBLISHED)), len(first))
        ratio = (np.array(PUBLISHED)[dose] - PUBLISHED[0]) * np.exp(SCATTER * rng.normal(size=len(i)))
        made = np.stack([dosed(spectra[k], r, n) for n, (k, r) in enumerate(zip(i, ratio, strict=True))])
        table = oxidation_table(made, measured[i], "PE")
        kept = table.score.notna() & table.carbonyl.notna()
        ranks = {c: float(spearmanr(dose[kept], table[c][kept]).statistic) for c in ("score", "carbonyl")}
        rows.append(dict(set=name, specimens=len(first), spectra=int(kept.sum())) | ranks)
    return rows


def sea_rows():
    "Verdicts of particles from the sea; nobody knows how oxidised they are"
    rows = []
    for name in ("kedzierski_2019_natural", "kedzierski_2019", "jung_2018"):
        found = fetch(name)
        spectra, measured = gridded(found)
        named = found.table.polymer.where(found.table.polymer != "", None).tolist()
        table = oxidation_table(spectra, measured, named)
        for polymer in POLYMERS:
            own = table[table.polymer == polymer]
            share = own.verdict.value_counts(normalize=True)
            rows.append(
                dict(set=name, polymer=polymer, spectra=len(own)) | {v: float(share.get(v, 0)) for v in VERDICTS}
            )
    return rows


def sources():
    wheel = "MIT, as the wheel xpectrass 0.0.4 says; the licence of the study is not named there"
    return [
        dict(source="generated spectra of this package (simulate)", use="learnt from", licence="Apache-2.0", doi=""),
        dict(source="FTIR-Plastics", use="learnt from", licence=wheel, doi="10.5281/zenodo.10736650"),
        dict(source="FLOPP and FLOPP-e", use="tested on", licence=wheel, doi="10.1021/acs.analchem.1c02549"),
        dict(source="MPX_specDB", use="tested on", licence="CC BY-SA 4.0", doi="10.22000/1820"),
    ]


def git(*command):
    return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def rounded(value):
    "Floats to four digits, nan to None"
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, 4)
    return value


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--n", type=int, default=2400, help="planted spectra of each source and polymer to learn from")
    ask.add_argument("--n-test", type=int, default=600, help="planted spectra of each test set and polymer")
    ask.add_argument("--work", type=Path, default=Path("oxidation_work"), help="folder for planted spectra")
    got = ask.parse_args()
    got.work.mkdir(exist_ok=True, parents=True)
    start = time.perf_counter()
    learnt = villegas(4)
    sets = {p: training(p, learnt, got.n, got.work) for p in (*POLYMERS, *TRIED)}
    strength, losses = choose_strength({p: sets[p] for p in POLYMERS})
    settings = FitSettings(strength=strength)
    fitted = {p: fit_reader(s, p, settings) for p, s in sets.items()}
    readers, tried = ({p: fitted[p] for p in names} for names in (POLYMERS, TRIED))
    alone = {p: fit_reader({"generated": sets[p]["generated"]}, p, settings) for p in POLYMERS}
    card = dict(sources=sources(), polymers=list(POLYMERS), settings=vars(settings), planted=got.n)
    card |= dict(simulated="products", log_losses={str(s): by for s, by in losses.items()})
    card |= dict(limits={p: r.limit for p, r in readers.items()})
    card |= dict(film_limits={p: r.film_limit for p, r in readers.items()})
    folder = ROOT / "microplastic_aging/assets/oxidation"
    folder.mkdir(exist_ok=True)
    save_readers(folder, readers, rounded(card))
    print(f"fitted after {time.perf_counter() - start:.0f} s", file=sys.stderr)
    held = tests()
    record = dict(title="oxidation readers on sets that they have not learnt from", simulated="products only")
    record |= dict(command="python benchmarks/oxidation.py", commit=git("rev-parse", "--short=10", "HEAD"))
    record |= dict(blanks=blank_rows(held), planted=judged(readers, held, got.n_test, got.work))
    record["planted"] += pooled(held, readers, got.n_test, got.work)
    record |= dict(environment=environment_rows(), resolutions=resolution_rows(held), sea=sea_rows())
    record |= dict(wrong_sheets=wrong_sheets(held), doses=dose_rows(held), dose_series=DOSES)
    record |= dict(strengths=strength_rows(sets, losses, held, got.work))
    record |= dict(not_shipped=judged(tried, held, got.n_test, got.work))
    together = [row for row in record["planted"] if row["set"] == "all together"]
    kept = "polymer auroc auroc_index gain_low gain_high found missed false_alarms found_index".split()
    card |= dict(measured=[{k: row[k] for k in kept} for row in together])
    save_readers(folder, readers, rounded(card))
    record |= dict(generated_only=judged(alone, held, got.n_test, got.work), card=card)
    out = ROOT / "microplastic_aging/assets/results/oxidation.json"
    out.write_text(json.dumps(rounded(record), indent=1, allow_nan=False, ensure_ascii=False), encoding="utf-8")
    shown = "blanks planted environment resolutions doses sea strengths not_shipped generated_only wrong_sheets"
    for name in shown.split():
        print(name, pd.DataFrame(record[name]).round(3).to_string(), sep="\n", file=sys.stderr)
    print(f"done after {time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
