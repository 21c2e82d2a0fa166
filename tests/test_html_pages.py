"""Report, prediction page, index of explanations and map: what a reader's browser makes of them.

The structure (one h1, landmarks, alt text, headers with scope) is read from the file. Widths, folds in print and axe
need a browser: where Chromium is absent those tests are skipped, and axe (npm's axe-core, named by MPA_AXE) is never
part of the project.
"""

import io
import os
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, call, said, tool

sys.path.insert(0, str(ROOT / ".ci"))
from browser import Page, find_browser  # noqa: E402

PAGES = ("report", "prediction", "explanations", "measures", "map")
NAME = "a-long-name-without-any-place-where-a-browser-could-break-it" * 2
pytestmark = pytest.mark.slow
needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium: apt-get install chromium")
AXE = Path(os.environ.get("MPA_AXE", "axe.min.js"))


def write_map(path):
    from microplastic_aging.attribute.joint_space import write_map_html

    rng = np.random.default_rng(0)
    table = pd.DataFrame(dict(sample_id=[NAME] * 9, aging_type=["uv", NAME, ""] * 3, severity=rng.random(9)))
    images = [rng.integers(0, 255, (64, 64)).astype(np.uint8) for _ in range(9)]
    return write_map_html(path, {"t-SNE": rng.normal(size=(9, 2))}, table, images, simulated=True)


def run(folder, *words):
    done = call(tool("microplastic-aging"), *words, cwd=folder)
    assert done.returncode == 0, said(done)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    "The five pages, of a made-up run and of four simulated samples, with names that are longer than a line"
    from microplastic_aging.report.page import write_report
    from microplastic_aging.report.toy import write_toy_run

    folder = tmp_path_factory.mktemp("pages")
    run(folder, "simulate", "particles", "--samples", "8")
    manifest = folder / "particles/manifest.csv"
    table = pd.read_csv(manifest, dtype=str).head(4)
    table.assign(specimen_id=table.specimen_id + NAME, site=NAME).to_csv(manifest, index=False)
    few = manifest.with_name("few.csv")
    table.assign(specimen_id=table.specimen_id + NAME, site=NAME, image="").to_csv(few, index=False)
    run(folder, "predict", "particles", "--out", "p.csv", "--explain")
    run(folder, "measure", str(few), "--out", "m.csv")
    made = dict(
        measures=folder / "m.html", prediction=folder / "p.html", explanations=folder / "p_explained/index.html"
    )
    return made | dict(report=write_report(write_toy_run(folder / NAME)), map=write_map(folder / "map.html"))


class Outline(HTMLParser):
    "Elements of a page with their attributes"

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def all(self, tag):
        return [attrs for name, attrs in self.found if name == tag]


@pytest.mark.parametrize("kind", PAGES)
def test_structure(pages, kind):
    text = pages[kind].read_text(encoding="utf-8")
    page = Outline(text)
    assert [len(page.all(tag)) for tag in ("h1", "main", "header")] == [1, 1, 1]
    assert page.all("html")[0]["lang"] == "en-GB"
    assert all(image.get("alt") for image in page.all("img")), kind
    assert all(header.get("scope") in ("row", "col") for header in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    first = text.split('<div class="folds">')[0].lower()
    assert "simulated" in first
    if kind != "map":
        assert first.count("<table>") == 1 and first.count("<img ") == 1
        assert first.count('scope="col"') <= 5


@pytest.fixture(scope="module")
def browser():
    with Page() as page:
        yield page


# Elements that reach beyond the right edge and have no box of their own to scroll in
CUT = """[...document.querySelectorAll("body *")].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !e.closest(".box") && !e.closest("#tip");
}).map(e => e.outerHTML.slice(0, 80))"""
OPEN = "document.querySelectorAll('details').forEach(d => d.open = true)"


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("kind", PAGES)
def test_nothing_is_cut(pages, browser, kind, width):
    browser.open(pages[kind], width)
    browser.evaluate(OPEN)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(CUT) == []


@needs_browser
def test_a_cut_element_would_be_found(tmp_path, browser):
    (tmp_path / "wide.html").write_text("<!DOCTYPE html><p style='width:600px'>wide")
    browser.open(tmp_path / "wide.html", 390)
    assert browser.evaluate(CUT)


@needs_browser
@pytest.mark.parametrize("kind", ["report", "prediction", "explanations"])
def test_print_opens_the_folds(pages, browser, kind):
    browser.open(pages[kind], 794, media="print")
    folded = "[...document.querySelectorAll('details')].filter(d => d.offsetHeight < d.lastElementChild.offsetHeight)"
    hidden = "[...document.querySelectorAll('details > :not(summary)')].filter(e => !e.checkVisibility()).length"
    assert browser.evaluate(f"{folded}.length") == 0 == browser.evaluate(hidden)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 794
    browser.open(pages[kind], 794)
    closed = "[...document.querySelectorAll('details > :not(summary)')].filter(e => !e.checkVisibility()).length"
    assert browser.evaluate(closed)  # on a screen they are folded


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("kind", PAGES)
def test_axe_finds_nothing_serious(pages, browser, kind, dark):
    if not AXE.is_file():
        pytest.skip("no axe: `npm pack axe-core`, and MPA_AXE names its axe.min.js")
    browser.open(pages[kind], 1280, dark=dark)
    browser.evaluate(OPEN)
    browser.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    found = "v => [v.impact, v.id, v.nodes[0].html.slice(0, 100)]"
    violations = browser.evaluate(f"axe.run().then(result => result.violations.map({found}))")
    assert [v for v in violations if v[0] in ("critical", "serious")] == []


@needs_browser
def test_dark_and_light_differ(pages, browser):
    grounds = []
    for dark in (False, True):
        browser.open(pages["report"], 390, dark=dark)
        grounds.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 24, 28)"]


@needs_browser
@pytest.mark.parametrize("name", ["prediction_page.png", "report_page.png"])
def test_pictures_in_the_docs_are_small(name):
    from PIL import Image

    content = (ROOT / "nbs/figures" / name).read_bytes()
    assert len(content) <= 200_000 and Image.open(io.BytesIO(content)).width >= 1200
