"""README.md from nbs/index.ipynb as it is saved; no cell is run.

`python .ci/readme.py [FOLDER]` writes FOLDER/README.md (default: the project) and the page's figures to
FOLDER/nbs/figures/readme_*.png.
Cells marked `hide` stay out, `echo: false` shows only the output, `fig-alt: words` describes its figure; links are
rewritten as
seen from the top of the project.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parents[1]
DIRECTIVE = re.compile(r"^\s*#\|\s*([\w-]+)\s*:?\s*(.*?)\s*$")
HIDDEN = {"hide", "export", "exporti", "default_exp"}
LINK = re.compile(r"(\]\()(?![a-z]+:|[#/])([^)\s]+)")


def directives(source):
    "Leading `#| name: value` lines as a dict, and the rest of the cell"
    found, lines = {}, source.splitlines()
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
    cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    for o in cell.outputs:
        if "text/markdown" in o.get("data", {}):
            o.data = {"text/markdown": from_top(o.data["text/markdown"])}
    return cell


def main(out=ROOT):
    nb = nbformat.read(ROOT / "nbs/index.ipynb", as_version=4)
    nb.cells = [c for c in map(shown, nb.cells) if c is not None]
    nb.metadata["language_info"] = {"name": "python"}
    text, extra = MarkdownExporter().from_notebook_node(nb)
    figures = Path(out) / "nbs/figures"
    for old in figures.glob("readme_*"):
        old.unlink()
    for i, (name, data) in enumerate(extra.get("outputs", {}).items(), 1):
        figure = figures / f"readme_{i}{Path(name).suffix}"
        figures.mkdir(parents=True, exist_ok=True)
        figure.write_bytes(data)
        alt = nb.cells[int(name.split("_")[1])].metadata["alt"]
        link = f"![{alt}](nbs/figures/{figure.name})"
        text = re.sub(rf"!\[\w+\]\({re.escape(name)}\)", link.replace("\\", r"\\"), text)
    text = re.sub(r"<style scoped>.*?</style>\n?", "", text, flags=re.S)
    text = re.sub(r"[ \t]+$", "", text, flags=re.M)
    text = (
        "<!-- Made from nbs/index.ipynb by `make readme`: edit that page, not this file. -->\n\n"
        + re.sub(r"\n{3,}", "\n\n", text).strip()
        + "\n"
    )
    (Path(out) / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
