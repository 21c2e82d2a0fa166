"""Lists that the site makes of itself: pages behind the doors of the landing page, the API index, the gallery.

A Markdown cell says where one stands, by a comment such as `<!-- made: gallery -->`; the processor is named in
pyproject.toml. README takes the doors from here too. Nothing of this is kept by hand.
"""

import ast
import base64
import io
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from docs_pages import spoken
from nbdev.config import get_config
from nbdev.processors import Processor
from PIL import Image

MADE = re.compile(r"<!-- made: (\w+) -->")
TITLE = re.compile(r"# (\S.*)\n+> (\S.*)")
ALT = re.compile(r"^#\| *fig-alt: *(.+)$", re.M)
EDIT = re.compile(r"File to edit: (?:\.\./)+nbs/(\S+)\.$", re.M)
TRAINING = re.compile(r"train|add_|change_|gpus|speed")  # in the name of a page for those who train
DOORS = ("files", "models", "doubts")
THUMB = 320  # px, the width of a picture in the gallery
THUMBS = "thumbs"  # folder of the staged site
FIRST = ("first", "your_own", "train", "reading", "read_")  # the order in which a beginner reads tutorials


@dataclass(frozen=True)
class Page:
    "A notebook as a list shows it"

    path: str  # relative to nbs/
    title: str
    line: str  # what it is about

    @property
    def link(self):
        return f"[{self.title}]({self.path})"

    @property
    def short(self):
        "A how-to by its file's name, anything else by its title"
        folder, name = Path(self.path).parts[-2:] if "/" in self.path else ("", self.path)
        return Path(name).stem.replace("_", " ") if folder == "howto" else self.title


def nbs():
    return Path(get_config().nbs_path)


def cells(path):
    return json.loads((nbs() / path).read_text(encoding="utf-8"))["cells"]


def pages(folder):
    "Pages of a folder of nbs/ by name, of nbs/ itself for '.'"
    found = []
    for path in sorted((nbs() / folder).glob("*.ipynb")):
        name = path.relative_to(nbs()).as_posix()
        m = TITLE.match("".join(cells(name)[0]["source"]))
        found.append(Page(name, m[1].strip(), m[2].strip()))
    return found


def reading_order(page):
    name = Path(page.path).name
    return next((i for i, start in enumerate(FIRST) if name.startswith(start)), len(FIRST)), name


def behind(door):
    "Pages behind a door of the landing page: every tutorial, how-to and study has one"
    if door == "doubts":
        return pages("studies")
    lessons = sorted(pages("tutorials"), key=reading_order) + pages("howto")
    return [p for p in lessons if bool(TRAINING.search(Path(p.path).name)) == (door == "models")]


def door_list(door):
    return "\n".join(f"- {p.link}" for p in behind(door))


# ---- API index


def held(value):
    "What a constant holds, in words: keys, names, or its value; empty where that is no list of words"
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "dict":
        words = [k.arg for k in value.keywords]
    elif isinstance(value, ast.Dict):
        words = [getattr(k, "value", None) for k in value.keys]
    elif isinstance(value, ast.Tuple | ast.List | ast.Set):
        words = [getattr(v, "value", None) for v in value.elts]
    else:
        words = [getattr(value, "value", None)]
    return ", ".join(f"`{w}`" for w in words) if words and all(isinstance(w, str | int | float) for w in words) else ""


def one_line(node, lines):
    "First line of a docstring; of a constant, the comment behind it, or what it holds"
    if isinstance(node, ast.Assign | ast.AnnAssign):
        comments = [lines[at - 1].partition("  # ")[2].strip() for at in (node.lineno, node.end_lineno)]
        return next(filter(None, comments), held(node.value) or "a constant, explained on its page")
    return (ast.get_docstring(node) or "").partition("\n")[0].strip()


def names_of(node):
    if isinstance(node, ast.Assign):
        return [t.id for t in node.targets if isinstance(t, ast.Name)]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id]
    return [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []


def public_names(path):
    "(name, is it documented on its page, one line) of each public name of a module"
    text = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines()
    found = {name: node for node in tree.body for name in names_of(node)}
    for name in ast.literal_eval(names_listed(tree)):
        if node := found.get(name):
            documented = isinstance(node, ast.FunctionDef | ast.ClassDef)
            yield name, documented, one_line(node, lines)


def names_listed(tree):
    "The list `__all__` of a module"
    listed = [n.value for n in tree.body if isinstance(n, ast.Assign) and names_of(n) == ["__all__"]]
    return listed[0] if listed else ast.parse("[]", mode="eval").body


@cache
def api():
    "Package -> rows (name, its page, one line), in the order of modules"
    library, found = Path(get_config().lib_path), {}
    for path in sorted(library.rglob("*.py")):
        page = EDIT.search(path.read_text(encoding="utf-8"))
        parts = path.relative_to(library).parts
        if not page or parts == ("all.py",):
            continue
        package = parts[0] if len(parts) > 1 else "top level"
        for name, documented, line in public_names(path):
            where = f"{page[1]}#{name.lower()}" if documented else page[1]
            found.setdefault(package, []).append((name, where, line))
    return found


def as_cell(text):
    return text.replace("|", r"\|")


def api_index():
    "Every public name, one line each"
    parts = []
    for package, rows in api().items():
        parts.append(f"## {package}\n\n| name | what it does |\n|---|---|")
        parts[-1] += "".join(f"\n| [`{name}`]({page}) | {as_cell(line)} |" for name, page, line in sorted(rows))
    return "\n\n".join(parts)


# ---- Gallery


def figures(path):
    "(PNG or JPEG, alt text) of each saved figure of a page"
    for cell in cells(path):
        alt = ALT.search("".join(cell["source"]))
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            picture = data.get("image/png") or data.get("image/jpeg")
            if picture and alt:
                yield base64.b64decode("".join(picture)), alt[1].strip("\"'")


def thumbnail(picture, path):
    image = Image.open(io.BytesIO(picture)).convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    small = Image.alpha_composite(white, image).convert("RGB")
    small.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    path.parent.mkdir(parents=True, exist_ok=True)
    small.save(path, quality=85)


def for_markdown(text):
    "Text between square brackets or quotes"
    return re.sub(r"([\[\]\\])", r"\\\1", text).replace('"', "'")


def shown_figures(page, folder):
    "The figures of a page as links to it, their thumbnails written into `folder`"
    for number, (picture, alt) in enumerate(figures(page.path), 1):
        thumb = f"{page.path.removesuffix('.ipynb').replace('/', '-')}-{number}.jpg"
        thumbnail(picture, folder / THUMBS / thumb)
        alt = for_markdown(alt)
        linked = f'[![]({THUMBS}/{thumb}){{fig-alt="{spoken(alt)}"}}]({page.path})'
        yield f"::: {{.g-col-6 .g-col-md-3}}\n{linked}\n\n{page.link}: {alt}\n:::"


def gallery(folder=None):
    "Every saved figure of the site, small, in the order of the sidebar"
    folder = Path(folder or Path(get_config().config_path) / "_proc")
    front = ["tutorials", "howto", "studies"]
    others = sorted({p.parent.name for p in nbs().glob("*/*.ipynb")} - set(front))
    parts = []
    for name in [*front, *[o for o in others if o[0] not in "._"], "."]:
        of_site = [p for p in pages(name) if p.path != "gallery.ipynb"]
        shown = [text for page in of_site for text in shown_figures(page, folder)]
        if shown:
            title = "top level" if name == "." else name
            parts.append(f"## {title}\n\n:::: {{.grid .gallery}}\n" + "\n".join(shown) + "\n::::")
    return "\n\n".join(parts)


LISTS = {"api": api_index, "gallery": gallery} | {d: lambda d=d: door_list(d) for d in DOORS}


class made_lists(Processor):
    "Comments such as `<!-- made: api -->` become the list that they name"

    def cell(self, cell):
        if cell.cell_type == "markdown":
            cell.source = MADE.sub(lambda m: LISTS[m[1]](), cell.source)
