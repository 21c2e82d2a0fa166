"""What the site does to a page beyond nbdev; named in pyproject.toml, on the path of `make docs` and of the tests.

Names in backticks lead to the page that defines them, links being relative, so that they hold wherever the site
lies. Enums show their values, classes what they are made with, everything its code in a fold, and the exports of one
cell stand in the order of the page. Links to sources come with the public address (`git_url` in pyproject.toml).
"""

import ast
import inspect
import json
import re
from enum import Enum
from functools import cache
from pathlib import Path

from nbdev.config import get_config
from nbdev.doclinks import NbdevLookup
from nbdev.processors import Processor
from nbdev.showdoc import BasicMarkdownRenderer

SHOWN = re.compile(r"^show_doc\((\w+)\)", re.M)
EDIT = re.compile(r"File to edit: (?:\.\./)+nbs/(\S+)\.$", re.M)
PUBLIC = re.compile(r"^__all__ = (\[.*?\])", re.M | re.S)
TEXT = re.compile(r"^(#\| *(?:fig|tbl)-(?:alt|cap): *)(.*)$", re.M)
MAGIC = re.compile(r"(%%[^\n]*\n)((?:#\|[^\n]*\n)+)")
LINK_TEXT = re.compile(r"\[[^\[\]\n]*`[^\[\]\n]*\](?=\()")
DEFINED = re.compile(r"^(?:class|def) (\w+)", re.M)


@cache
def definitions():
    "Public name -> {page: its place there}; pages relative to nbs/"
    found = {}
    for path in sorted(get_config().lib_path.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        page, listed = EDIT.search(text), PUBLIC.search(text)
        public = ast.literal_eval(listed[1]) if listed else ()
        for place, m in enumerate(DEFINED.finditer(text) if page else ()):
            if m[1] in public:
                found.setdefault(m[1], {})[page[1]] = place
    return found


def page_of(nb):
    "Path of a page below nbs/"
    return Path(nb.path_).resolve().relative_to(get_config().nbs_path.resolve()).as_posix()


def link_of(name, page):
    """Where a name is defined, as the site's root sees it: on the page itself, or on the only page that has it; else
    None"""
    pages = definitions().get(name, {})
    if page in pages:
        return f"#{name.lower()}"
    return f"/{next(iter(pages))}#{name.lower()}" if len(pages) == 1 else None


class Lookup(NbdevLookup):
    "nbdev's way to turn names into links, with the project's own pages"

    def __init__(self, page):
        self.page = page

    def doc(self, sym):
        return link_of(sym, self.page)


class link_names(Processor):
    "Names in backticks become links, in prose and in the documentation of names"

    def begin(self):
        self.lookup = Lookup(page_of(self.nb))

    def linkify(self, text):
        "A name in the text of a link stays as it is: a link in a link is no link"
        kept = LINK_TEXT.sub(lambda m: m[0].replace("`", "\0"), text)
        return self.lookup.linkify(kept).replace("\0", "`")

    def cell(self, cell):
        if cell.cell_type == "markdown":
            cell.source = self.linkify(cell.source)
        for o in cell.get("outputs", []):
            text = o.get("data", {}).get("text/markdown")
            if text:
                o["data"]["text/markdown"] = self.linkify("".join(text))


def spoken(text):
    "A description as it is read aloud; Quarto takes a percent sign in one for part of an address, and warns"
    return re.sub(r"\s*%", " per cent", text.strip().strip("\"'"))


class quoted_texts(Processor):
    "Descriptions of figures and tables as YAML strings: one with a colon in it would stop Quarto"

    def cell(self, cell):
        if cell.cell_type == "code":
            cell.source = TEXT.sub(lambda m: m[1] + json.dumps(spoken(m[2]), ensure_ascii=False), cell.source)


class options_first(Processor):
    "Options above the magic of a cell: below it, where IPython wants them, Quarto does not see them"

    def cell(self, cell):
        if cell.cell_type == "code" and (m := MAGIC.match(cell.source)):
            cell.source = m[2] + m[1] + cell.source[m.end() :]


class in_page_order(Processor):
    "Documentation of neighbouring names in the order of their definitions: nbdev turns that of one cell round"

    def begin(self):
        page, run = page_of(self.nb), []

        def place(cell):
            return definitions().get(self.shown(cell), {}).get(page, 0)

        for i, cell in enumerate([*self.nb.cells, None]):
            if cell is not None and self.shown(cell):
                run.append(i)
            elif run:
                ordered = sorted((self.nb.cells[k] for k in run), key=place)
                for k, c in zip(run, ordered, strict=True):
                    self.nb.cells[k] = c
                run = []

    def shown(self, cell):
        m = SHOWN.search(cell.source) if cell.cell_type == "code" else None
        return m and m[1]

    def cell(self, cell):
        pass


def folded_source(sym):
    "The code of a function or class, folded; empty where it has none of its own"
    try:
        code = inspect.getsource(sym).rstrip()
    except (OSError, TypeError):
        return ""
    return f'\n\n<details class="source"><summary>source</summary>\n\n```python\n{code}\n```\n\n</details>'


class Renderer(BasicMarkdownRenderer):
    "Enums with their values, classes with what they are made with, and the code of each, folded"

    def _repr_markdown_(self):
        return self.described() + folded_source(self.sym)

    def described(self):
        text, sym = super()._repr_markdown_(), self.sym
        if not inspect.isclass(sym):
            return text
        bases = ", ".join(b.__name__ for b in sym.__bases__ if b is not object)
        if issubclass(sym, Enum):
            text = re.sub(r"```python.*?```", f"```python\nclass {self.nm}({bases})\n```", text, count=1, flags=re.S)
        else:
            text = text.replace(f"```python\ndef {self.nm}(", f"```python\nclass {self.nm}(", 1)
        if issubclass(sym, Enum):
            text += "\n\n| name | value |\n|---|---|\n" + "\n".join(f"| `{e.name}` | `{e.value!r}` |" for e in sym)
        made = vars(sym).get("__init__")
        if made is not None and made.__doc__ and not hasattr(sym, "__dataclass_fields__"):
            text += f"\n\n`__init__`: {inspect.getdoc(made)}"
        return text
