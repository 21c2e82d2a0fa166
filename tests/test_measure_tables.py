"""Indices of every polymer against areas drawn by hand on measured spectra; tables, workbooks, what is refused.

The areas are drawn with thousands of points between those of the spectrum. Plain sums are tested in test_measure.py.
"""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from microplastic_aging.aging import InputError
from microplastic_aging.data import measure as module
from microplastic_aging.data.measure import measure
from microplastic_aging.data.public import public_folder
from microplastic_aging.report import measure_page as measure_page_module
from microplastic_aging.report.measure_page import measure_page
from microplastic_aging.spectra import quality
from microplastic_aging.spectra.core import write_spectrum
from microplastic_aging.spectra.index_definitions import ALL_INDICES, find_index
from microplastic_aging.spectra.indices import to_index
from microplastic_aging.spectra.library import pristine_bands, pseudo_voigt
from microplastic_aging.spectra.polymer_names import polymer_name

SEA = public_folder("mpx_vlfr")
needs_sea = pytest.mark.skipif(SEA is None, reason="mpx_vlfr, measured spectra, is not below the folder of MPA_PUBLIC")
pytestmark = pytest.mark.filterwarnings("ignore:.*beside the manifest")
WN = np.arange(600.0, 4001.0)
TRAP = "<script>alert(1)</script>'\"=1+1"
BY_HAND = ("carbonyl SAUB", "carbonyl 1715", "hydroxyl", "vinyl", "PE crystallinity", "PET conformer 1340/1370")
BY_HAND += (
    "PET crystallinity 975",
    "PET ester shape 1735/1715",
    "PET acid 1690",
    "PS carbonyl 1725",
    "PS lactone 1785",
)


@pytest.fixture(scope="module")
def sea():
    "Six measured spectra of each of PE, PP, PET and PS: polymer -> (wavenumber, absorbance)"
    rows = pd.read_csv(SEA / "metadata.csv")
    with np.load(SEA / "spectra.npz") as stored:
        wn, ab = stored["wavenumber"].astype(float), stored["absorbance"]
    usable = rows.qc_match > 0.95
    chosen = {p: np.flatnonzero(usable & (rows.qc_polymer_guess == p))[::17][:6] for p in ("PE", "PP", "PET", "PS")}
    return {p: (wn, ab[places].astype(float)) for p, places in chosen.items()}


def over_chord(wn, ab, window, anchors, kind):
    "Area, or mean height, above the line between the means of 4 cm⁻¹ at the two anchors"
    fine = np.linspace(*window, 4001)
    ends = [np.mean([np.interp(np.linspace(x - 2, x + 2, 801), wn, row) for row in ab], axis=1) for x in anchors]
    line = ends[0][:, None] + (ends[1] - ends[0])[:, None] * (fine - anchors[0]) / (anchors[1] - anchors[0])
    above = np.array([np.interp(fine, wn, row) for row in ab]) - line
    return np.trapezoid(above, fine) / (1 if kind == "area" else window[1] - window[0])


@needs_sea
@pytest.mark.parametrize("name", BY_HAND)
def test_indices_agree_with_areas_drawn_by_hand(sea, name):
    index, compared = find_index(name), 0
    for polymer in index.polymers:
        wn, ab = sea[polymer]
        ours = to_index(wn, ab, index).value
        band = over_chord(wn, ab, index.window, index.anchors, index.kind)
        reference = over_chord(wn, ab, index.reference, index.reference_anchors, index.kind)
        known = np.isfinite(ours)
        np.testing.assert_allclose(ours[known], (band / reference)[known], atol=0.01, rtol=0.01)
        compared += known.sum()
    assert compared >= 4


def test_the_twin_would_find_a_wrong_chord():
    ab = pseudo_voigt(WN, *pristine_bands()["PE"].T)[None] + 1e-4 * (WN - 600)
    found = to_index(WN, ab, find_index("carbonyl 1715")).value
    wrong = over_chord(WN, ab, (1711, 1719), (1500, 1900), "height") / over_chord(
        WN, ab, (1455, 1467), (1420, 1500), "height"
    )
    assert abs(found - wrong).item() > 0.001


@pytest.mark.parametrize("polymer", ["PE", "PP", "PET", "PS", "PVC", "PA"])
def test_every_polymer_has_an_index_with_a_source(polymer):
    own = [i for i in ALL_INDICES if polymer in i.polymers]
    assert own and all(i.source and i.limits for i in own)
    pristine = pseudo_voigt(WN, *pristine_bands()[polymer].T)[None]
    assert sum(np.isfinite(to_index(WN, pristine, i).value).item() for i in own) >= len(own) - 1


@pytest.fixture
def folder(tmp_path):
    "Twelve spectra of PE in a folder, eight of them unaged, with a manifest whose words try to be a formula"
    rng, rows = np.random.default_rng(3), []
    for i in range(12):
        ketone = 0.0 if i < 8 else 0.2
        ab = pseudo_voigt(WN, *pristine_bands()["PE"].T) + pseudo_voigt(WN, 1715, 20, ketone + 0.002 * i)
        write_spectrum(tmp_path / f"s{i}.csv", WN, np.round(ab + 2e-4 * rng.normal(size=WN.size), 5))
        rows.append(dict(sample_id=f"s{i}", spectrum=f"s{i}.csv", specimen_id=f"p{i // 2}", grade="PE-LD", site=TRAP))
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    pd.DataFrame(rows[:8]).to_csv(tmp_path / "unaged.csv", index=False)
    return tmp_path


def test_limits_come_from_own_blanks_and_repeats_are_averaged(folder):
    found = measure(folder, "grade", progress=False, reference=folder / "unaged.csv")
    assert found.table.polymer.eq("PE").all() and found.table.polymer_given.eq("PE-LD").all()
    blanks = found.table.ester[:8]
    assert found.table.ester_limit[0] == pytest.approx(blanks.mean() + 3 * blanks.std(ddof=1))
    assert found.table.carbonyl_1715_verdict.tolist()[8:] == ["above"] * 4
    one = found.specimens.set_index("specimen_id").loc["p5"]
    assert [one.samples, one.carbonyl_1715_n] == [2, 2] and one.carbonyl_1715_verdict == "above"
    assert one.carbonyl_1715_sd == pytest.approx(found.table.carbonyl_1715[10:].std(ddof=1))


def test_a_file_that_cannot_be_read_keeps_its_row(folder):
    (folder / "s3.csv").write_text("nothing")
    found = measure(folder, "PE", progress=False)
    assert len(found.table) == 12 and found.unread.sample_id.tolist() == ["s3"]
    row = found.table.iloc[3]
    assert not re.search(r">[^<]*\bnan\b", measure_page(found, {}))  # what is missing is a dash
    assert found.unread.reason[0].split("; ")[-1][-40:] in found._repr_html_()
    assert "s3.csv" in row.note and np.isnan(row.carbonyl_1715) and row.quality_flags == ""


def test_an_unnamed_polymer_has_a_proposal_that_is_not_used(folder):
    found = measure(folder, progress=False)
    assert found.table.polymer_proposed.eq("PE").all() and (found.table.polymer_p > 0.95).all()
    assert found.table.polymer.eq("").all() and found.table.carbonyl_1715_limit.isna().all()
    asked = measure(folder, "proposed", progress=False)
    assert asked.table.polymer.eq("PE").all() and asked.table.carbonyl_1715_limit.notna().all()
    assert asked.table.polymer_from.eq("proposed").all() and "proposal" in asked.notes[-1]


def polylactide(at=1750.0):
    "Bands of PLA, from its literature; `at` moves the ester"
    bands = {at: (24, 0.9), 1182: (30, 0.7), 1129: (20, 0.5), 1084: (24, 1.0), 1043: (20, 0.5), 1453: (16, 0.2)}
    return sum(pseudo_voigt(WN, place, *shape) for place, shape in bands.items())


def test_values_of_an_unknown_polymer_say_for_which_they_hold(tmp_path):
    "The ester of a polylactide gives a carbonyl index too"
    rng = np.random.default_rng(0)
    shown = dict(pe=pseudo_voigt(WN, *pristine_bands()["PE"].T), pla=polylactide())
    for name, values in (shown | dict(pet=pseudo_voigt(WN, *pristine_bands()["PET"].T))).items():
        write_spectrum(tmp_path / f"{name}.csv", WN, values + 2e-4 * rng.normal(size=WN.size))
    found = measure(tmp_path, progress=False)
    table = found.table.set_index("sample_id")
    values = found.indices[found.indices.value.notna()]
    assert set(values.verdict) == {"polymer unknown"}
    assert values.reason.str.contains("holds only if the polymer is P").all()
    assert values.reason[values["index"] == "carbonyl 1715"].str.endswith("is PE or PP").all()
    assert set(found.specimens.carbonyl_SAUB_verdict) <= {"polymer unknown", "no value"}
    assert table.note["pla"].startswith("no polymer is named, and it looks like none of PE, PP, PS")
    assert table.note["pet"].startswith("no polymer is named, and it looks like PET (p ") and table.note["pe"] == ""
    assert "hold only for PE or PP" in found.notes[0] and "none of the six 1" in found.notes[0]


def test_a_spectrum_of_another_polymer_gets_no_verdict_by_the_limit_of_its_name(tmp_path):
    rng = np.random.default_rng(0)
    shown = {name: pseudo_voigt(WN, *pristine_bands()[name.upper()].T) for name in ("pe", "pet")} | dict(
        pla=polylactide()
    )
    for name, values in shown.items():
        write_spectrum(tmp_path / f"{name}.csv", WN, values + 2e-4 * rng.normal(size=WN.size))
    found = measure(tmp_path, "PE", progress=False)
    table = found.table.set_index("sample_id")
    assert table.polymer_doubt["pe"] == "" and table.carbonyl_1715_verdict["pe"] == "below detection"
    assert table.polymer_doubt["pet"].startswith("named PE, but looks like PET (p ")
    assert table.polymer_doubt["pla"].startswith("named PE, but looks like none of PE, PP, PS")
    doubted = table.loc[["pet", "pla"]]
    assert set(doubted.carbonyl_1715_verdict) == {"polymer doubted"} and doubted.carbonyl_1715_limit.notna().all()
    assert set(found.specimens.carbonyl_1715_verdict) == {"polymer doubted", "below detection"}
    assert found.notes[0].startswith("2 spectra do not look like the polymer named (PE looks like ")
    page = " ".join(measure_page(found, {}).split())
    assert found.notes[0].split(" (")[0] in page and "0 of 1 spectra lie above the limit of carbonyl 1715" in page


def test_a_name_for_all_is_kept_as_it_was_given(folder):
    found = measure(folder, "HDPE", progress=False)
    assert found.table.polymer.eq("PE").all() and found.table.polymer_given.eq("HDPE").all()
    assert "Measured under another name: HDPE as PE; see polymer_given." in found.notes


def test_files_beside_a_manifest_are_counted_once(folder):
    (folder / "spare.csv").write_text((folder / "s0.csv").read_text())
    found = measure(folder, "grade", progress=False, reference=folder / "unaged.csv")
    [said] = [note for note in found.notes if "named by no row" in note]
    assert said.startswith("Not measured: ") and said in measure_page(found, {})


def test_a_spectrum_is_measured_once(folder, monkeypatch):
    counted, real = [], quality._measure
    monkeypatch.setattr(quality, "_measure", lambda spectrum: counted.append(spectrum) or real(spectrum))
    measure(folder, "PE", progress=False)
    assert len(counted) == 12


def test_words_of_users_are_text_in_page_and_workbook(folder, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    found = measure(folder, "PE", progress=False)
    page = measure_page(found, {}, "site")
    assert "<script" not in page
    found.table.loc[0, "site"] = "=1+1"
    sheet = openpyxl.load_workbook(found.save(tmp_path / "m.xlsx"))["measures"]
    cells = [c for row in sheet.iter_rows() for c in row if c.value == "=1+1"]
    assert [c.data_type for c in cells] == ["s"]


def test_a_workbook_without_openpyxl_names_the_remedy(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(InputError, match=r"pip install 'microplastic_aging\[excel\]'"):
        module.write_workbook(tmp_path / "m.xlsx", {})


@pytest.mark.parametrize("text", ["HDPE", "LDPE", "PE-LD", "polyethylene", "Polyethylen", "PE film 02"])
def test_aliases_are_one_polymer(text):
    assert polymer_name(text) == "PE" and polymer_name("polyester") == polymer_name("PET") == "PET"


def test_measuring_imports_no_torch():
    code = "import sys; from microplastic_aging.data.measure import measure; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_polyester_is_not_judged_by_the_base_of_its_weak_stretch(tmp_path):
    "The step across C–H withholds ratios of a polyolefin, and says nothing of PET"
    for polymer in ("PE", "PET"):
        values = pseudo_voigt(WN, *pristine_bands()[polymer].T)
        step = 0.5 * values[(WN > 2800) & (WN < 3050)].max() / (1 + np.exp((WN - 2900) / 20))
        write_spectrum(
            tmp_path / f"{polymer}.csv", WN, values + step + np.random.default_rng(0).normal(0, 1e-5, WN.size)
        )
    (tmp_path / "manifest.csv").write_text("sample_id,spectrum,polymer\na,PE.csv,PE\nb,PET.csv,PET\n")
    table = measure(tmp_path, progress=False).table.set_index("polymer")
    assert np.isnan(table.PE_crystallinity["PE"]) and "bent by reflection" in table.index_reasons["PE"]
    assert np.isfinite(table.PET_conformer_1340_1370["PET"]) and "bent" not in table.index_reasons["PET"]


def test_a_polymer_without_an_index_says_so_once(tmp_path):
    write_spectrum(tmp_path / "a.csv", WN, 0.3 * np.exp(-(((WN - 1750) / 20) ** 2)) + 0.01)
    (tmp_path / "manifest.csv").write_text("sample_id,spectrum,polymer\na,a.csv,PLA\n")
    found = measure(tmp_path, progress=False)
    assert found.table.index_reasons.tolist() == ["no index is defined for PLA"]


def test_what_the_page_leaves_out_is_said(monkeypatch, tmp_path):
    "Spectra of rarer faults have a panel, the number drawn stands in its title, and every specimen is on the page"
    rng, rows = np.random.default_rng(0), ["sample_id,spectrum,polymer"]
    for k in range(14):
        peak = np.exp(-(((WN - 2916) / 12) ** 2)) + 0.4 * np.exp(-(((WN - 1463) / 10) ** 2))
        faults = (0, 3e-4 * (WN - 600) / 3400 * 1000, np.where(WN < 900, -0.4, 0), 0.4)
        write_spectrum(
            tmp_path / f"s{k}.csv", WN, peak + faults[k % 4] + rng.normal(0, 1e-4 if k % 5 else 0.05, WN.size)
        )
        rows.append(f"specimen{k:02},s{k}.csv,PE")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    found = measure(tmp_path, progress=False)
    monkeypatch.setattr(measure_page_module, "_PANELS", 2)
    monkeypatch.setattr(measure_page_module, "_DRAWN", 3)
    titles = [ax.get_title(loc="left") for ax in measure_page_module.spectra_figure(found).axes]
    assert any(t.startswith("rarer faults") for t in titles) and any(t.endswith("3 drawn") for t in titles)
    shown = measure_page_module._by_fault(found)
    assert set().union(*shown.values()) == set(found.read.spectra)
    page = measure_page(found, {})
    assert all(page.count(f"specimen{k:02}") >= 2 for k in range(14))  # among the specimens, and among the samples
