"""Fit product bands of real oxidised references: writes `microplastic_aging/assets/oxidised_bands.csv`.

    python benchmarks/oxidised_bands.py PRIMPKE FLOPP

PRIMPKE is a git clone that holds data/Primpke_sup4.csv (github Grimblewald/Neural-networks-for-microplastic-fourier-
transform-infrared-spectroscopy-data), FLOPP one that holds xpectrass/data/frond_2021.csv.xz (github
kazilab/xpectrass, MIT). The spectra stay where they are; only fitted numbers are kept.

A real difference mixes film, soil and additives into itself. So only windows of products are fitted, on a free line
and with the flank of amide I and water as a nuisance. A reference counts when acid and ketone near 1715 rise above the
pristine median, lead over the ester near 1740 (lipids of a film and additives are esters), are no mere shoulder of
amide I, and are fitted well.
"""

import io
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

AXIS = np.arange(600, 4001, 2.0)
STRONGEST = dict(PE=(2916, 2780, 3000), PP=(2918, 2780, 3000), PS=(696, 680, 715), PET=(1715, 1650, 1790))
WINDOWS = {  # Window cm⁻¹ -> candidates: position, how far it may move, FWHM between
    (1670, 1840): [(1713, 9, 14, 45), (1738, 12, 12, 40), (1777, 12, 12, 50)],
    (880, 925): [(889, 4, 6, 16), (909, 4, 6, 16)],
}
FILM = (1648, 95)  # Flank of amide I and water: position and FWHM, height free, not kept
LEAST_CARBONYL, LEAST_R2, LEAST_LEAD, LEAST_SHARE = 0.015, 0.98, 0.8, 0.4
OXIDISED = ("PE", "PP", "PS")  # In PET the polymer's own ester covers the window


def blob(clone, path):
    "A file of the newest commit"
    return subprocess.run(["git", "-C", clone, "show", f"HEAD:{path}"], capture_output=True, check=True).stdout


def on_axis(wavenumber, rows):
    "Spectra on the common axis, lowered to zero near 1950–2000 cm⁻¹"
    order = np.argsort(wavenumber)
    out = np.stack([np.interp(AXIS, wavenumber[order], row[order]) for row in rows])
    return out - np.median(out[:, (AXIS > 1920) & (AXIS < 2000)], axis=1)[:, None]


def height(rows, at, low, high):
    "Height over a chord"
    i, j = (int(np.argmin(abs(AXIS - v))) for v in (low, high))
    near = abs(AXIS - at) <= 4
    chord = rows[:, i] + (rows[:, j] - rows[:, i]) * (at - low) / (high - low)
    return rows[:, near].max(1) - chord


def primpke(clone):
    "Polymer, name, whether it may be pristine, whether it may be oxidised, spectra"
    table = pd.read_csv(io.BytesIO(blob(clone, "data/Primpke_sup4.csv")))
    polymer = table["Label"].replace({"LDPE": "PE", "HDPE": "PE"})
    rows = on_axis(np.array([float(c) for c in table.columns[1:]]), table.iloc[:, 1:].to_numpy(float))
    return (
        polymer.values,
        [f"Primpke 2018 row {k}" for k in table.index],
        np.ones(len(table), bool),
        np.ones(len(table), bool),
        rows,
    )


def flopp(clone):
    "The same of FLOPP (pristine) and FLOPP-e (found in nature), from per cent transmittance"
    table = pd.read_csv(io.BytesIO(lzma.decompress(blob(clone, "xpectrass/data/frond_2021.csv.xz"))))
    spectra = table.iloc[:, 5:]
    wavenumber = np.array([float(c) for c in spectra.columns])
    inside = (wavenumber > 720) & (wavenumber < 3990)  # Beyond the detector's edge the file holds zeros
    rows = on_axis(wavenumber[inside], 2 - np.log10(np.clip(spectra.to_numpy(float)[:, inside], 0.5, None)))
    pristine = table["environmental"].values == "N"
    return table["type"].values, table["sample_id"].tolist(), pristine, ~pristine, rows


def gaussians(numbers):
    "Sum of Gaussians; numbers: position, FWHM, height of each"
    return sum(h * np.exp(-4 * np.log(2) * ((AXIS - p) / w) ** 2) for p, w, h in numbers.reshape(-1, 3))


def fit(difference, window, candidates):
    "Bands (b, 3), and R² of the products, film and line taken off"
    inside = (AXIS >= window[0]) & (AXIS <= window[1])
    line = (AXIS - np.mean(window)) / (window[1] - window[0])
    film = gaussians(np.array([*FILM, 1.0])) if window[1] > 1600 else np.zeros(AXIS.size)
    scale = np.ptp(difference[inside])

    def model(v):
        return gaussians(v[:-3]) + v[-3] * film + v[-2] + v[-1] * line

    low = [x for p, move, narrow, _ in candidates for x in (p - move, narrow, -3 * scale)] + [0, -9, -9]
    high = [x for p, move, _, wide in candidates for x in (p + move, wide, 3 * scale)] + [9, 9, 9]
    start = [x for p, _, narrow, wide in candidates for x in (p, (narrow + wide) / 2, scale / 2)] + [0.01, 0, 0]
    found = least_squares(lambda v: (model(v) - difference)[inside], start, bounds=(low, high))
    rest = (model(found.x) - difference)[inside]
    products = gaussians(found.x[:-3])[inside]
    return found.x[:-3].reshape(-1, 3), 1 - rest.var() / products.var()


def usable(difference, bands, r2, candidates):
    "Whether a reference shows carbonyl of oxidation"
    (acid, _, at_acid), (_, _, at_ester), (_, width, _) = bands
    inside = (
        abs(acid - candidates[0][0]) < candidates[0][1] - 0.1 and width < candidates[2][3] - 0.1
    )  # No bound reached
    least = max(LEAST_CARBONYL, LEAST_LEAD * at_ester, LEAST_SHARE * np.interp(acid, AXIS, difference))
    return r2 > LEAST_R2 and inside and at_acid > least and bands.min() > 0


def references(source):
    "Rows of the table"
    polymer, names, may_be_pristine, may_be_aged, rows = source
    for name in OXIDISED:
        top = height(rows, *STRONGEST[name])
        mine = (polymer == name) & (top > 0.05)  # Poorer contacts are noise
        relative = rows / top[:, None]
        pristine = np.median(relative[mine & may_be_pristine], axis=0)
        for k in np.flatnonzero(mine & may_be_aged):
            difference = relative[k] - pristine
            carbonyl, candidates = next(iter(WINDOWS.items()))
            if not usable(difference, *fit(difference, carbonyl, candidates), candidates):
                continue
            for window, candidates in WINDOWS.items():
                if window[1] < 1600 and name != "PE":
                    continue  # Bands of the polymer itself stand there
                bands, r2 = fit(difference, window, candidates)
                if r2 > 0.9:
                    kept = bands[abs(bands[:, 2]) > 0.001]
                    yield from ((names[k], name, *(round(v, 4) for v in b.tolist()), round(r2, 3)) for b in kept)


def main():
    columns = ["reference", "polymer", "position", "fwhm", "height", "r2"]
    sources = primpke(sys.argv[1]), flopp(sys.argv[2])
    table = pd.DataFrame([row for source in sources for row in references(source)], columns=columns)
    table.to_csv(Path(__file__).parents[1] / "microplastic_aging/assets/oxidised_bands.csv", index=False)
    print(table.to_string())
    print(table.groupby("polymer")["reference"].nunique().to_dict())


if __name__ == "__main__":
    main()
