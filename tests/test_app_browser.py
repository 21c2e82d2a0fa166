"""The page in the browser, in headless Chromium: drop, see the verdict, download

Chromium is the system's; Playwright drives it, and axe-core looks for what a screen reader or a weak eye would miss.
The server may not connect to anything but this computer, nor may the browser. Where `MPA_APP_PICTURES` names a folder,
pictures of the screens go there: `make pictures-app` makes those of the docs so.
"""

import os
import re
import subprocess
import sys
import threading
import time
from base64 import b64encode
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from app_server import MOST_MEMORY, App, Memory, particles, spectra_table
from conftest import ROOT
from PIL import Image
from test_browser import TOO_WIDE, find_browser

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright drives the browser: make setup")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("app"),
    pytest.mark.skipif(find_browser() is None, reason="no Chromium here: the system's package is `chromium`"),
]
WAIT_MS = 150_000  # A busy machine is no failure
PHONE, DESK = dict(width=390, height=844), dict(width=1280, height=900)
LAUNCH = [
    "--no-sandbox",
    "--disable-gpu",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
DROP = """async ([zone, files]) => {
  const transfer = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  const settings = { dataTransfer: transfer, bubbles: true, cancelable: true };
  document.querySelector(zone).dispatchEvent(new DragEvent("drop", settings));
}"""
PICTURES = os.environ.get("MPA_APP_PICTURES")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    found = App(tmp_path_factory.mktemp("app"))
    yield found
    found.close()
    assert not found.tried.exists(), found.tried.read_text()  # nothing but this computer was asked
    assert not list(found.temporary.iterdir()), "something was left behind"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return particles(tmp_path_factory.mktemp("particles") / "all")


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=find_browser(), args=LAUNCH)
        yield browser
        browser.close()


def user(chromium, app, **settings):
    "A new browser window with nothing of others in it; it may ask this server alone, and its console stays empty"
    context = chromium.new_context(accept_downloads=True, **(dict(viewport=DESK) | settings))
    context.set_default_timeout(WAIT_MS)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.asked, page.errors = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(app.url)
    return page


@pytest.fixture
def page(chromium, app):
    page = user(chromium, app)
    yield page
    own = f"http://{app.host}/"
    assert page.asked and all(url.startswith((own, "data:")) for url in page.asked)
    assert not [words for words in page.errors if "status of 4" not in words]  # a refusal is no fault
    page.context.close()


def choose(page, *paths):
    page.set_input_files("#choose-files", [str(p) for p in paths])


def answer(page):
    page.wait_for_selector("#answer")
    return page.inner_text("#answer")


def read_pairs(page):
    page.wait_for_selector("#pairs")
    page.click("#pairs .act button")


def download(page, name):
    with page.expect_download() as waiting:
        page.click(f"text={name}")
    return Path(waiting.value.path())


def verdict_is_said(words):
    by_reader = "(not measurably )?oxidised, by the oxidation reader"
    return re.search(rf": ((no|chemical|UV|physical).* ageing, with probability|no verdict|{by_reader})", words)


# ---- drop, see the verdict, download


def test_a_pair(page, app, files):
    "Dropped, not chosen; the first answer comes within seconds, and the figure after it"
    images, spectra = files
    page.wait_for_selector("#warming", state="hidden")  # the model is warm
    content = [(p.name, b64encode(p.read_bytes()).decode()) for p in (images[0], spectra[0])]
    begun = time.monotonic()
    page.evaluate(DROP, ["#drop", content])
    words = answer(page)
    took = time.monotonic() - begun
    print(f"start {app.start_s:.1f} s, first answer to a pair {took:.1f} s")
    assert verdict_is_said(words) and took < 15 and app.start_s < 20  # an idle machine takes a third; it may be busy
    page.wait_for_selector("figure img")
    for title in ("Measures and their limits", "What would change the verdict", "What the model knows"):
        assert page.is_visible(f"h2:has-text('{title}')")
    assert page.locator("figure img").bounding_box()["width"] > 1100  # the full width
    table = pd.read_csv(download(page, "predictions.csv"))
    assert len(table) == 1 and table.modalities_used[0] == "image + spectrum"
    assert list(pd.read_excel(download(page, "results.xlsx"), sheet_name=None))[0] == "predictions"
    assert "<title>Attribution of" in download(page, "predictions.html").read_text()


def test_everything_can_be_copied_and_sent_to_the_command_line(page, files, tmp_path):
    choose(page, files[1][0])
    words = answer(page)
    page.wait_for_selector("figure img")
    page.click("text=Copy the sentence")
    page.wait_for_selector("#said:has-text('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == words
    page.click("text=Copy the indices")
    page.wait_for_timeout(100)
    assert page.evaluate("navigator.clipboard.readText()").startswith("index\tvalue\tdetection limit")
    assert "microplastic-aging predict manifest.csv" in page.inner_text("#command-lines")
    manifest = pd.read_csv(download(page, "manifest.csv"))
    assert manifest.spectrum.tolist() == [files[1][0].name]


def test_a_spectrum_and_a_picture(page, files):
    for paths, words in zip(files, ("micrograph", "spectrum"), strict=True):
        choose(page, paths[1])
        assert verdict_is_said(answer(page))
        page.wait_for_selector("figure img")
        assert f"Only the {words} was read" in page.inner_text("#changes")
        page.click("text=New files")


def test_a_broken_file(page, tmp_path):
    "The words are those of the command line, and name no folder of the server"
    broken = tmp_path / "broken.csv"
    broken.write_text("no numbers")
    choose(page, broken)
    page.wait_for_selector("[role=alert]:has-text('broken.csv')")
    words = page.inner_text("[role=alert]")
    assert "no row of two numbers" in words and "session" not in words and str(Path("/tmp")) not in words
    assert page.is_visible("#drop")


def test_a_table_of_380_spectra(page, app, files, tmp_path):
    with Memory(app) as memory:
        choose(page, spectra_table(tmp_path / "fibres.csv", files[1]))
        read_pairs(page)
        assert "380 of 380 samples have a spectrum and no micrograph" in answer(page)
    print(f"380 spectra: at most {memory.most / 1e6:.0f} MB")
    assert memory.most < MOST_MEMORY
    rows = page.locator("table.sortable tbody tr")
    assert rows.count() == 380
    page.click("table.sortable th >> text=novelty score")
    cells = page.locator("table.sortable tbody tr td:nth-child(5)").all_inner_texts()
    scores = [float(c) for c in cells if c != "–"]  # no reader, no score
    assert scores == sorted(scores)
    assert len(pd.read_csv(download(page, "predictions.csv"))) == 380
    rows.nth(0).locator("a").click()
    page.wait_for_selector("figure img")
    assert verdict_is_said(page.inner_text("h1"))


@pytest.fixture(scope="module")
def fifty(tmp_path_factory):
    images, spectra = particles(tmp_path_factory.mktemp("fifty") / "all", 25)
    return [*images, *spectra]


def test_50_files_cancelled_in_the_middle_changed_and_read(page, app, fifty):
    "Pairs are proposed; the work is cancelled, a pair changed, and the work done; a reload shows the same"
    choose(page, *fifty)
    page.wait_for_selector("#pairs")
    assert page.locator("#pairs tr[data-row]").count() == 25
    page.click("#pairs .act button")
    page.wait_for_selector("#step:has-text('Predicting')")
    page.click("text=Cancel")
    page.wait_for_selector("#pairs")
    page.select_option("tr[data-row='0'] select[name=spectrum]", "")
    page.uncheck("tr[data-row='1'] input[name=kept]")
    page.fill("tr[data-row='2'] input[name=um_per_px]", "wide")
    page.click("#pairs .act button")
    page.wait_for_selector("[role=alert]:has-text('is no length')")
    page.fill("tr[data-row='2'] input[name=um_per_px]", "0.25")
    page.uncheck("tr[data-row='1'] input[name=kept]")
    page.select_option("tr[data-row='0'] select[name=spectrum]", "")
    page.click("#pairs .act button")
    with Memory(app) as memory:
        words = answer(page)
    print(f"50 files: at most {memory.most / 1e6:.0f} MB")
    assert "of 24 samples" in words and memory.most < MOST_MEMORY
    page.reload()
    assert answer(page) == words
    table = pd.read_csv(download(page, "predictions.csv"))
    assert len(table) == 24 and (table.modalities_used == "image").sum() == 1


def test_two_users_see_nothing_of_each_other(chromium, app, files):
    first, second = user(chromium, app), user(chromium, app)
    choose(first, files[1][0])
    choose(second, files[1][1])
    words = [answer(page) for page in (first, second)]
    assert files[1][0].stem in words[0] and files[1][1].stem in words[1]
    assert files[1][1].stem not in first.content() and first.url != second.url
    for page in (first, second):
        page.context.close()


def test_by_keyboard_alone(page, files):
    "From the top to an example, and through its result"
    for _ in range(20):
        page.keyboard.press("Tab")
        if "Spectra" in page.evaluate("document.activeElement.innerText || ''"):
            break
    page.keyboard.press("Enter")
    answer(page)
    head = page.locator("table.sortable th button").first
    head.focus()
    page.keyboard.press("Enter")
    assert page.get_attribute("table.sortable th", "aria-sort") == "ascending"


FRAME = """
import sys, time
from microplastic_aging.app import show
print(show().src, flush=True)
time.sleep(600)
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_notebook_may_frame_the_page_of_show_and_of_nothing_else(chromium, app, tmp_path):
    "A page of this computer, as Jupyter's, frames the page; the page of the command cannot be framed"
    env = os.environ | dict(TMPDIR=str(tmp_path), PYTHONPATH=str(ROOT))
    shown = subprocess.Popen([sys.executable, "-c", FRAME], stdout=subprocess.PIPE, text=True, env=env)
    jupyter = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    threading.Thread(target=jupyter.serve_forever, daemon=True).start()
    try:
        for name, url in dict(own=shown.stdout.readline().strip(), other=app.url).items():
            (tmp_path / f"{name}.html").write_text(f"<iframe width=900 height=700 src='{url}'></iframe>")
        page = chromium.new_context().new_page()
        address = f"http://localhost:{jupyter.server_port}"  # another site than 127.0.0.1, as a notebook often is
        page.goto(f"{address}/own.html")
        frame = page.frame_locator("iframe")
        frame.locator("button.card", has_text="a dozen").click(timeout=WAIT_MS)
        frame.locator("table.sortable").wait_for(timeout=WAIT_MS)
        page.goto(f"{address}/other.html")
        page.wait_for_timeout(1000)
        assert frame.locator("#drop").count() == 0
    finally:
        jupyter.shutdown()
        shown.terminate()
        shown.wait(30)


# ---- how it looks, and for whom


def serious(page):
    "What axe-core finds that is serious or worse"
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(v["id"], v["nodes"][0]["html"][:120]) for v in found if v["impact"] in ("serious", "critical")]


def picture(page, name):
    "Keep what is on the screen, with few colours; a result shows more than fits on a small screen"
    if not PICTURES:
        return
    page.set_viewport_size(DESK | dict(height=1180 if name in ("sample", "result") else 760))
    page.evaluate("scrollTo(0, 0)")
    image = Image.open(BytesIO(page.screenshot())).convert("RGB").quantize(255, kmeans=2, dither=Image.Dither.NONE)
    image.save(Path(PICTURES) / f"app_{name}.png", optimize=True, dpi=(144, 144))
    page.set_viewport_size(DESK)


KEPT = ("start", "pairs", "result", "sample")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["1280", "390"])
def test_no_screen_has_a_serious_finding(chromium, app, files, size, scheme):
    page = user(chromium, app, viewport=size, color_scheme=scheme)
    faults = {}

    def look(name):
        faults[name] = serious(page)
        wide = page.evaluate(TOO_WIDE)
        assert f'"page":{size["width"]},' in wide, wide
        if scheme == "light" and size is DESK and name in KEPT:
            picture(page, name)

    look("start")
    page.click("text=A pair")
    page.wait_for_selector(".work, #answer")
    look("working")
    page.wait_for_selector("figure img")
    page.wait_for_load_state("networkidle")
    look("sample")
    page.click("text=Look at the pairs")
    look("one_pair")
    page.click("text=New files")
    choose(page, *files[0][:3], *files[1][:3])
    page.wait_for_selector("#pairs")
    look("pairs")
    page.click("#pairs .act button")
    answer(page)
    page.click("table.sortable th >> text=novelty score")
    look("result")
    page.context.close()
    assert len(faults) == 6 and not any(faults.values()), faults


def test_a_fault_is_found(chromium, app):
    "A positive control for axe-core"
    page = user(chromium, app)
    page.evaluate("document.querySelector('main').innerHTML = '<img src=\"x.png\"><input>'")
    assert {"image-alt", "label"} <= {rule for rule, _ in serious(page)}
    page.context.close()
