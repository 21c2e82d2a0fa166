"""README.md from a template, the landing page as it is saved, and the reference results; no cell is run.

`python .ci/readme.py [FOLDER]` writes FOLDER/README.md (default: the project) and, into FOLDER/nbs/figures, the
pictures it shows (readme_*). The words stand in `.ci/README.md.j2`, in nbs/index.ipynb, or in a template of the
package, each once. Of the page, cells marked `hide` stay out, `echo: false` shows only the output, `fig-alt: words`
describes its figure; links are rewritten as seen from the top of the project.
"""

import re
import sys
import tomllib
from html import escape
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from made_pages import behind
from nbconvert import MarkdownExporter

from microplastic_aging.files import reference_result
from microplastic_aging.report.html import render

ROOT = Path(__file__).resolve().parents[1]
FIGURES = "nbs/figures"
DIRECTIVE = re.compile(r"^\s*#\|\s*([\w-]+)\s*:?\s*(.*?)\s*$")
HIDDEN = {"hide", "export", "exporti", "default_exp"}
LINK = re.compile(r"(\]\()(?![a-z]+:|[#/])([^)\s]+)")
SECTION = re.compile(r"^## (.+)\n", re.M)
DOOR = re.compile(r"^## (.+)\n+(.+)\n+<!-- made: (\w+) -->", re.M)


def directives(source):
    "Leading `#| name: value` lines as a dict, and the rest of the cell"
    found, lines = {}, [line for line in source.splitlines() if not line.startswith("%%")]
    while lines and (m := DIRECTIVE.match(lines[0])):
        found[m[1]] = m[2]
        lines.pop(0)
    return found, "\n".join(lines)


def from_top(markdown):
    "Links of a page in nbs/ as links of a page at the top, symlinks followed"

    def moved(m):
        path, mark, anchor = m[2].partition("#")
        return m[1] + (ROOT / "nbs" / path).resolve().relative_to(ROOT).as_posix() + mark + anchor

    return LINK.sub(moved, markdown)


def shown(cell):
    "`cell` as the README shows it, or None"
    if cell.cell_type == "raw":
        return None
    said, source = directives(cell.source)
    if said.keys() & HIDDEN or said.get("include") == "false":
        return None
    cell.source = source if cell.cell_type == "code" else from_top(cell.source)
    if cell.cell_type != "code":
        return cell
    if said.get("echo") == "false" or not source.strip():
        cell.metadata["transient"] = {"remove_source": True}
    if said.get("output") == "false":
        cell.outputs = []
    cell.metadata["alt"] = said.get("fig-alt", "").strip("\"'")
    cell.outputs = [o for o in cell.outputs if o.output_type != "stream"]
    for o in cell.outputs:
        if "text/markdown" in o.get("data", {}):
            o.data = {"text/markdown": from_top(o.data["text/markdown"])}
    return cell


def write_figure(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class Landing(dict):
    "The landing page: heading -> what stands under it; its figures are written into `folder`"

    def __init__(self, folder):
        nb = nbformat.read(ROOT / "nbs/index.ipynb", as_version=4)
        [doors] = [c.source for c in nb.cells if DOOR.search(c.source)]
        self.doors = [dict(title=m[1], line=m[2], pages=behind(m[3])) for m in DOOR.finditer(doors)]
        nb.cells = [c for c in map(shown, nb.cells) if c is not None and c.source != doors]
        nb.metadata["language_info"] = {"name": "python"}
        text = self.with_figures(nb, *MarkdownExporter().from_notebook_node(nb), folder)
        head, *parts = SECTION.split(re.sub(r"[ \t]+$", "", text, flags=re.M))
        [self.line] = re.findall(r"^> (.+)$", head, re.M)
        self.opening = head.partition(self.line)[2].strip()
        super().__init__({title: self.tidy(body) for title, body in zip(parts[::2], parts[1::2], strict=True)})

    def with_figures(self, nb, text, extra, folder):
        "The page's Markdown with its pictures as files, and their alt text"
        for i, (name, data) in enumerate(extra.get("outputs", {}).items(), 1):
            path = f"{FIGURES}/readme_{i}{Path(name).suffix}"
            write_figure(folder / path, data)
            link = f"![{nb.cells[int(name.split('_')[1])].metadata['alt']}]({path})"
            text = re.sub(rf"!\[\w+\]\({re.escape(name)}\)", lambda _, link=link: link, text)
        return text

    def tidy(self, text):
        "A body without gaps; commands to type once and commands to try become one block"
        text = re.sub(r"\n{3,}", "\n\n", text).strip()
        return text.replace("\n```\n\n```bash\n", "\n").replace("```sh\n", "```bash\n")


BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {value}">
<title>{label}: {value}</title>
<rect width="{width}" height="20" rx="3" fill="{color}"/><rect width="{at}" height="20" rx="3" fill="#444"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"><text x="6" y="14">{label}</text>
<text x="{text_at}" y="14">{value}</text></g></svg>
"""


def badge(folder, label, value, color):
    "A small picture that needs no network"
    at = 7 * len(label) + 14
    path = f"{FIGURES}/readme_badge_{label}.svg"
    size = dict(width=at + 7 * len(value) + 14, at=at, text_at=at + 6)
    svg = BADGE.format(label=label, value=escape(value), color=color, **size)
    write_figure(folder / path, svg.encode())
    return dict(alt=f"{label}: {value}", path=path)


def badges(folder, project):
    return [
        badge(folder, "licence", project["license"], "#0b6e4f"),
        badge(folder, "python", project["requires-python"].replace(">=", "≥ "), "#2a5d9f"),
        badge(folder, "benchmark", "simulated", "#a0522d"),
    ]


def main(out=ROOT):
    out = Path(out)
    for old in (out / FIGURES).glob("readme_*"):
        old.unlink()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    results = {name: reference_result(name) for name in ("study", "audit", "attribution", "evidence", "links")}
    page = Landing(out)
    folder = FileSystemLoader(ROOT / ".ci")
    templates = Environment(loader=folder, undefined=StrictUndefined, keep_trailing_newline=True)
    text = templates.get_template("README.md.j2").render(
        page=page,
        doors=page.doors,
        badges=badges(out, project),
        honest=from_top(render("honest.md.j2", pages="", **results).strip()),
        licence=project["license"],
        study=results["study"],
    )
    (out / "README.md").write_text(re.sub(r"\n{3,}", "\n\n", text), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
