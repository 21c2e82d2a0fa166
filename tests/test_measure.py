"`measure` on files as an instrument wrote them, against indices computed here by their plain definitions"

import csv
import os
import shutil
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest

from microplastic_aging.data.measure import measure
from microplastic_aging.spectra.indices import index_table

PUBLIC = Path(os.environ.get("MPA_PUBLIC", "absent"))
FILES = PUBLIC / "ftir_files/mpx_csv"  # MPX_specDB, doi 10.22000/1820
SUMS = {  # Band over reference, cm⁻¹: doi 10.1515/epoly-2020-0041 and 10.3390/polym15040911, summed as Open Specy does
    "carbonyl_index_saub": ((1650, 1850), (1420, 1500), "PE PP"),
    "carbonyl_index_pe": ((1700, 1770), (1423, 1495), "PE"),
    "hydroxyl_index_pe": ((3021, 3353), (1467, 1504), "PE"),
    "hydroxyl_index_pp": ((3300, 3400), (952, 986), "PP"),
    "carbon_oxygen_index_pe": ((924, 1197), (2866, 2987), "PE"),
    "carbon_oxygen_index_pp": ((1000, 1200), (2885, 2940), "PP"),
}
WRITTEN = {"LDPE": "Polyethylen", "HDPE": "PE-HD", "PE": "LDPE", "PP": "polypropylene", "PET": "polyester"}
pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="the folder of published measurements is not there")


def polymer_of(file):
    "What the name of a published file says, such as LDPE"
    return file.stem.split("_ATR_")[0].rsplit("_", 1)[0].rsplit("-", 1)[1]


def spectrum_of(file):
    "Wavenumber, rising, and absorbance, by nothing but a loop over lines"
    with file.open() as lines:
        points = sorted(tuple(map(float, row)) for row in list(csv.reader(lines))[1:])
    return np.array(points).T


def inside(x, y, window):
    return y[(x >= window[0]) & (x <= window[1])]


def area(x, y):
    return sum((y[i] + y[i + 1]) / 2 * (x[i + 1] - x[i]) for i in range(len(x) - 1))


def over_chord(x, y, window, end=2):
    "Area above a straight line whose ends are means over `end` cm⁻¹ to either side, or single points"
    ends = [(w - end, w + end) for w in window]
    at = [area(inside(x, x, e), inside(x, y, e)) / (2 * end) if end else np.interp(e[0], x, y) for e in ends]
    x, y = inside(x, x, window), inside(x, y, window)
    return area(x, y - np.interp(x, window, at))


def saub(x, y, end=2):
    "Specified area under band over straight chords: Almond 2020, doi 10.1515/epoly-2020-0041"
    return over_chord(x, y, (1650, 1850), end) / over_chord(x, y, (1420, 1500), end)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "The published files of four polymers, with a table that names them as people do; two files are one specimen"
    top = tmp_path_factory.mktemp("measured")
    rows = ["sample_id,specimen_id,spectrum,polymer"]
    for i, file in enumerate(f for f in sorted(FILES.iterdir()) if polymer_of(f) in WRITTEN):
        shutil.copy(file, top)
        rows.append(f"{file.stem},piece {i // 2},{file.name},{WRITTEN[polymer_of(file)]}")
    (top / "manifest.csv").write_text("\n".join(rows) + "\n")
    return top


@pytest.fixture(scope="module")
def raw(folder):
    return measure(folder, progress=False)


def test_saub_and_published_sums_of_files(folder, raw):
    "Every value of `measure` is the one of the plain definition, or there is none for a reason"
    compared = 0
    for row in raw.table.to_dict("records"):
        x, y = spectrum_of(folder / row["spectrum"])
        plain = {"carbonyl_SAUB": saub(x, y)} if row["polymer"] in ("PE", "PP") else {}
        for name, (band, reference, polymers) in SUMS.items():
            if row["polymer"] in polymers.split():
                plain[name] = inside(x, y, band).sum() / inside(x, y, reference).sum()
        assert {k: row[k] for k in plain} == pytest.approx(plain, abs=0.01), row["sample_id"]
        compared += len(plain)
    assert compared >= 60


def test_saub_of_many_sheets():
    "Some forty spectra of PE and PP sheets, as arrays"
    archive = PUBLIC / "mpx_vlfr"
    with (archive / "metadata.csv").open(encoding="utf-8") as lines:
        rows = [r for r in csv.DictReader(lines)]
    own = [i for i, r in enumerate(rows) if r["qc_polymer_guess"] in ("PE", "PP") and float(r["qc_match"]) > 0.9][::20]
    with np.load(archive / "spectra.npz") as held:
        wn, ab = held["wavenumber"], held["absorbance"][own]
    table = index_table((wn, ab), [rows[i]["qc_polymer_guess"] for i in own])
    found = table[table["index"] == "carbonyl SAUB"].value
    assert len(own) >= 20
    np.testing.assert_allclose(found, [saub(wn, y) for y in ab], atol=0.01)


def test_names_that_people_write(raw):
    "The table keeps what was written, and measures by what it means"
    got = dict(zip(raw.table.polymer_given, raw.table.polymer, strict=True))
    assert got == {"Polyethylen": "PE", "PE-HD": "PE", "LDPE": "PE", "polypropylene": "PP", "polyester": "PET"}
    pet = raw.table.polymer == "PET"
    ring = raw.table["PET_carbonyl_1715_1410"]
    assert ring[pet].notna().any() and ring[~pet].isna().all()
    assert raw.table.carbonyl_SAUB.notna().equals(~pet)


def test_a_proposal_alone_changes_no_number(folder):
    "Without a name there is no limit and no index that needs one, however sure the proposal is"
    table = measure(sorted(folder.glob("*PP_nobio*.csv")), progress=False).table
    assert (table.polymer_proposed == "PP").any() and (table.polymer == "").all()
    assert table.carbonyl_1715.notna().all() and table.carbonyl_1715_limit.isna().all()
    assert "hydroxyl_index_pp" not in table or table.hydroxyl_index_pp.isna().all()


def test_repeats_are_averaged(raw):
    "Mean, standard deviation (n − 1) and number of the two files of a piece"
    for piece in raw.specimens.to_dict("records")[:4]:
        number = int(piece["specimen_id"].split()[1])
        values = raw.table.carbonyl_SAUB[2 * number : 2 * number + 2].tolist()
        got = [piece[f"carbonyl_SAUB_{what}"] for what in ("mean", "sd", "n")]
        assert got == pytest.approx([mean(values), stdev(values), 2], rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*named by no row")
def test_own_blanks_set_the_limit(folder, raw):
    "Mean and three standard deviations of the blanks, or of the spectrum's own noise where that is larger"
    lines = (folder / "manifest.csv").read_text().splitlines()
    blanks = folder / "blanks.csv"
    pe = [k for k, code in enumerate(raw.table.polymer) if code == "PE"]
    keep = [line.split(",") for line in (lines[k + 1] for k in pe[:8])]
    text = "\n".join(",".join([a, b, c, d]) for a, b, c, d in keep)
    blanks.write_text(f"{lines[0]}\n{text}\n")
    table = measure(folder, progress=False, reference=blanks).table
    values = raw.table.carbonyl_SAUB[pe[:8]].tolist()
    for k in pe:
        limit = mean(values) + 3 * max(stdev(values), table.carbonyl_SAUB_sd[k])
        assert table.carbonyl_SAUB_limit[k] == pytest.approx(limit, rel=1e-9)
        assert table.carbonyl_SAUB_verdict[k] == ("above" if table.carbonyl_SAUB[k] > limit else "below detection")
    assert table.carbonyl_SAUB_limit[table.polymer == "PP"].isna().all()


def test_corrected_is_absorbance_times_wavenumber(folder, raw):
    "Depth of an ATR spectrum goes with the wavelength; the sheet says on what it was measured"
    files = sorted(folder.glob("*0[1-4]-*.csv"))
    table = measure(files, polymer="PE", progress=False, atr_corrected=True).table
    plain = [saub(x, y * x) for x, y in map(spectrum_of, files)]
    assert table.carbonyl_SAUB.tolist() == pytest.approx(plain, abs=0.01)
    assert set(table.measured_on) == {"ATR corrected"} and set(raw.table.measured_on) == {"raw"}
    first = raw.table.set_index("sample_id").carbonyl_SAUB[files[0].stem]
    assert abs(plain[0] / first - 1) > 0.05
