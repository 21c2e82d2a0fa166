"""What a screen shows: the built site in headless Chromium

`make docs` builds the site into _docs (or `MPA_SITE` names a folder with one). Without it, or without Chromium, these
tests are skipped and say so.
"""

import json
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / ".ci"))
from browser import Page, find_browser  # noqa: E402

SITE = Path(os.environ.get("MPA_SITE", ROOT / "_docs"))
PHONE, DESK = 390, 1280  # CSS pixels
HTML = sorted(p.relative_to(SITE) for p in SITE.rglob("*.html") if "site_libs" not in p.parts)
needs_site = pytest.mark.skipif(not HTML, reason="the site is not built here: `make docs` (needs Quarto)")
needs_browser = pytest.mark.skipif(
    find_browser() is None, reason="no Chromium here: the system's package is `chromium`"
)
TOO_WIDE = """(() => {
  const screen = document.documentElement.clientWidth;
  const hidden = e => { for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
    if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(p).overflowX)) return true; return false; };
  const wide = [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > screen + 1 && e.getBoundingClientRect().width && !hidden(e))
    .map(e => e.tagName.toLowerCase() + '.' + e.className);
  return JSON.stringify({screen, page: document.documentElement.scrollWidth, wide: wide.slice(0, 5)});
})()"""
WIDE = "<body style='margin:0'>{}<div style='width:600px;height:9px'></div>"


@pytest.fixture(scope="module")
def browser():
    with Page() as found:
        yield found


def widths(page):
    "Width of the screen and of the page, and what sticks out"
    return json.loads(page.evaluate(TOO_WIDE))


@needs_browser
def test_wide_pages_are_found(browser, tmp_path):
    "A positive control: a page that sticks out, and one whose wide part scrolls in a box of its own"
    page = tmp_path / "page.html"
    page.write_text(WIDE.format(""))
    browser.open(page, PHONE)
    assert widths(browser) == {"screen": PHONE, "page": 600, "wide": ["div."]}
    page.write_text("<body style='margin:0'><div style='overflow-x:auto'>" + WIDE.format("").partition(">")[2])
    browser.open(page, PHONE)
    assert widths(browser) == {"screen": PHONE, "page": PHONE, "wide": []}


@needs_browser
@needs_site
def test_no_page_is_wider_than_the_screen(browser):
    wide = {}
    for name in HTML:
        for width in (PHONE, DESK):
            browser.open(SITE / name, width)
            found = widths(browser)
            if found["page"] > found["screen"]:
                wide[f"{name} at {width}"] = found["wide"]
    assert len(HTML) > 50 and not wide


class Links(HTMLParser):
    "Addresses that a page names, and the places in it that have a name"

    def __init__(self, text):
        super().__init__()
        self.links, self.names, self.images = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.names |= {found[k] for k in ("id", "name") if found.get(k)}
        self.links += [found[k] for k in ("href", "src") if found.get(k)]
        if tag == "img":
            self.images.append(found)


@pytest.fixture(scope="module")
def parsed():
    return {name.as_posix(): Links((SITE / name).read_text(encoding="utf-8")) for name in HTML}


def target(page, link):
    "Where a link of a page leads: (file in the site, place in it); None for another site"
    if re.match(r"[a-z]+:|//", link):
        return None
    path, _, place = unquote(link).partition("#")
    path = path.partition("?")[0]
    found = (SITE / path.lstrip("/") if path.startswith("/") else SITE / Path(page).parent / path).resolve()
    file = SITE / page if not path else found / "index.html" if found.is_dir() else found
    return file.resolve(), place


def broken(page, links, parsed):
    for link in links:
        if not (aim := target(page, link)):
            continue
        file, place = aim
        known = parsed.get(file.relative_to(SITE.resolve()).as_posix()) if file.is_relative_to(SITE.resolve()) else None
        if not file.exists() or place and known and place not in known.names:
            yield f"{page}: {link}"


@needs_site
def test_every_link_leads_somewhere(parsed):
    found = [text for page, page_links in parsed.items() for text in broken(page, page_links.links, parsed)]
    assert sum(len(p.links) for p in parsed.values()) > 1000 and not found


@needs_site
def test_every_picture_of_the_site_is_described(parsed):
    bare = [
        f"{page}: {image.get('src', '')[:60]}"
        for page, found in parsed.items()
        for image in found.images
        if not image.get("alt", "").strip() and "navbar-logo" not in image.get("class", "")
    ]
    assert not bare


@needs_site
@pytest.mark.parametrize("words", ["carbonyl index", "scale bar", "fusion operator"])
def test_search_index_has_the_words_of_the_field(words):
    "In a title, where Quarto's search looks first"
    entries = json.loads((SITE / "search.json").read_text(encoding="utf-8"))
    titles = {e["title"].lower() for e in entries}
    assert [t for t in titles if words in t]
