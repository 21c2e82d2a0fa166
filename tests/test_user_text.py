"What users type is text wherever it is shown: in figures, pages, tables, workbooks and the terminal"

import csv
import io
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from microplastic_aging.attribute.joint_space import plot_map
from microplastic_aging.cli import app
from microplastic_aging.data.measure import measure
from microplastic_aging.evaluate.numbers import plot_numbers
from microplastic_aging.files import write_table
from microplastic_aging.report.plots import plot_confusion
from microplastic_aging.report.prediction import _verdicts_figure
from microplastic_aging.report.toy import toy_run
from microplastic_aging.simulate.benchmark import write_benchmark
from microplastic_aging.spectra.index_plots import plot_index_values

NASTY = [
    "PE $5 or %$",
    r"\alpha_$x^$",
    r"$\frac{1$",
    "{{ 7*7 }}{}",
    "<script>alert(1)</script>",
    'R&D &amp; "x"',
    "a\nb",
    "\u202eRTL\u200f \u05d0",
    "=1+1",
    "+1x",
    "-x",
    "@SUM(A1)",
    "None",
    "NA",
    "#N/A",
    "nan",
    "x\x07y",
    "\uffff",
    "L" * 20_000,
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    "Simulated spectra, in whose table every text is nasty"
    manifest = write_benchmark(tmp_path_factory.mktemp("nasty") / "R&D $5 <b>", 20, progress=False)
    table = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    table["image"] = ""
    words = [NASTY[i % len(NASTY)] for i in range(len(table))]
    table["sample_id"] = [f"{word}{i}" for i, word in enumerate(words)]
    table["specimen_id"] = table.sample_id
    table["polymer"] = [word if i % 2 else "PE" for i, word in enumerate(words)]
    table["site"] = table["=2+2"] = table["$col$"] = table["c\x07"] = words
    table.to_csv(manifest, index=False)
    return manifest.parent


def run(*words):
    "A command of this process"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CliRunner().invoke(app, [str(w) for w in words])


def is_formula(cell):
    return cell[:1] in tuple("=+-@\t") and not re.fullmatch(r"[+-]?[\d.]+(e-?\d+)?", cell)


def formulas(path):
    "Cells of a CSV file that a spreadsheet would compute"
    csv.field_size_limit(1_000_000)
    with open(path, newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row if is_formula(cell)]


def test_a_table_of_problems_and_the_terminal(data, tmp_path):
    found = run("check", data, "--csv", tmp_path / "p.csv", "--label", "site", "--escape-formulas")
    assert found.exit_code == 1 and isinstance(found.exception, SystemExit)
    assert "\u202e" not in found.output and "\x07" not in found.output
    assert max(map(len, found.output.splitlines())) < 2_000


def test_measures_of_nasty_names(data, tmp_path):
    "Page, figures, CSV with and without escapes, workbook"
    from openpyxl import load_workbook

    plain, safe, book = (tmp_path / name for name in ("plain.csv", "safe.csv", "m.xlsx"))
    words = ["--group", "site", "--out", safe, "--figures", tmp_path / "figures", "--escape-formulas"]
    found = run("measure", data, *words)
    assert found.exit_code == 0, found.output + repr(found.exception)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measured = measure(data, progress=False)
    measured.save(plain)
    measured.save(book)
    assert {p.name for p in (tmp_path / "figures").glob("*.svg")} == {"indices.svg", "spectra.svg"}
    assert {"=1+1", "@SUM(A1)"} <= set(formulas(plain)) and formulas(safe) == []
    page = safe.with_suffix(".html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page and "{{ 7*7 }}" in page
    cells = [cell for sheet in load_workbook(book) for row in sheet.iter_rows() for cell in row]
    assert not {cell.data_type for cell in cells} & {"f", "e"}
    assert {"=1+1", "#N/A", "NA", "None", "=2+2"} <= {cell.value for cell in cells}


def figure_makers():
    "Figures with words of users"
    found = toy_run()["metrics"]
    names = NASTY[: len(found["scheme"]["classes"])] if found.get("scheme") else NASTY[:8]
    found = found | dict(scheme=dict(found.get("scheme") or {}, classes=names))
    values = np.arange(float(len(NASTY)))
    specimens = pd.DataFrame(dict(verdict=NASTY))
    yield lambda: plot_confusion(found, "fusion").figure
    yield lambda: _verdicts_figure(specimens, True)
    yield lambda: plot_index_values(NASTY, values).figure
    yield lambda: plot_map(np.c_[values, values], pd.Series(NASTY[:8] * 3, name="$x^$")[: len(NASTY)]).figure
    yield lambda: plot_map(np.c_[values, values], pd.Series(values, name=r"$\frac{1$")).figure
    yield lambda: plot_numbers(values, values, 1.0, r"$\frac{1$").figure


@pytest.mark.parametrize("make", list(figure_makers()))
def test_figures_draw_names_as_text(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure = make()
        assert isinstance(figure, Figure)
        for kind in ("png", "svg"):
            figure.savefig(io.BytesIO(), format=kind)


def test_long_names_that_begin_alike_stay_apart():
    "Two verdicts are two bars, two groups two medians, though their labels are cut to the same"
    long = ["L" * 40 + end for end in "ab"]
    bars = _verdicts_figure(pd.DataFrame(dict(verdict=[long[0], long[0], long[1]])), False).axes[0].patches
    assert [bar.get_width() for bar in bars] == [2, 1, 0] and len({bar.get_y() for bar in bars}) == 3
    assert len(plot_index_values([long[0], long[1]], [1.0, 2.0]).get_xticks()) == 2


def test_a_table_is_written_as_it_is_unless_asked(tmp_path):
    table = pd.DataFrame({"=a": ["=1+1", "-2.5", None], "b": [-1.5, 2, 3]})
    path: Path = write_table(tmp_path / "t.csv", table)
    assert path.read_text() == "=a,b\n=1+1,-1.5\n-2.5,2.0\n,3.0\n"
    assert write_table(path, table, escape_formulas=True).read_text() == "'=a,b\n'=1+1,-1.5\n-2.5,2.0\n,3.0\n"
