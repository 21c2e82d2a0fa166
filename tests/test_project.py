"What holds the project together: notebooks, modules, README, site and wheel say the same thing"

import ast
import json
import os
import re
import sys
import zipfile
from configparser import ConfigParser
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import style
import yaml
from conftest import NBS, ROOT, call, notebooks, said, tool
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ALLOWED = set(
    """nbs microplastic_aging settings.ini setup.py pyproject.toml tests benchmarks _quarto.yml Makefile README.md
MODEL_CARD.md LICENSE CITATION.cff CONTRIBUTING.md CHANGELOG.md .github .ci .gitignore
.pre-commit-config.yaml""".split()
)
PACKAGE = "microplastic_aging"
LIGHT = (
    "aging",
    "files",
    "spectra",
    "micrographs",
    "data",
    "simulate",
    "evaluate",
)  # packages that import neither torch nor fastai
HEAVY = {"torch", "torchvision", "fastai"}


def read_nb(name):
    return json.loads((NBS / name).read_text(encoding="utf-8"))


def code_cells(nb):
    return [c for c in nb["cells"] if c["cell_type"] == "code"]


@cache
def modules():
    "Dotted module below the package -> the notebook it is exported from"
    found = {}
    for name in notebooks():
        exp = [
            m[1]
            for c in code_cells(read_nb(name))
            if (m := re.search(r"^#\|\s*default_exp:?\s+(\S+)", "".join(c["source"]), re.M))
        ]
        if exp:
            found[exp[0]] = name
    return found


def section(title, items):
    "Contents of the section of that title, at any depth of the sidebar"
    for item in items:
        if isinstance(item, dict) and isinstance(item.get("contents"), list):
            if item.get("section") == title:
                return item["contents"]
            if found := section(title, item["contents"]):
                return found
    return []


@cache
def house():
    "Packages and modules of the top level in the order of imports: as the sidebar shows them, the command line last"
    contents = section("Package", quarto()["website"]["sidebar"]["contents"])
    globs = [item if isinstance(item, str) else item.get("auto") or item["contents"] for item in contents]
    found = []
    for glob in [*(g.lstrip("/") for g in globs), "9*_*.ipynb"]:
        own = [(n, m) for m, n in modules().items() if n.match(glob) and len(n.parts) == glob.count("/") + 1]
        found += [m.split(".")[0] for _, m in sorted(own)]
    return list(dict.fromkeys(found))


def rank(module):
    "Place of a module in the order of imports: that of its package, and its own number inside"
    return house().index(module.split(".")[0]), modules()[module].name if "." in module else ""


def quarto():
    return yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))


def empty_payloads(nb):
    "(cell, kind) of each saved output that holds nothing: no Quarto renders a page with such a one"
    saved = [(i, o["data"]) for i, c in enumerate(nb["cells"]) for o in c.get("outputs", []) if "data" in o]
    return [
        (i, kind)
        for i, data in saved
        for kind, v in (data or {"no kind": None}).items()
        if v is None or isinstance(v, (str, list)) and not "".join(v).strip()
    ]


def imports(path, module):
    "Absolute dotted names that the module at `path` imports, at the top or inside functions"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = f"{PACKAGE}.{module}".split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{a.name}" for a in node.names)


# ---- the tree


def test_only_agreed_top_level_entries(files):
    assert {f.parts[0] for f in files} <= ALLOWED


def test_no_path_of_one_machine_and_no_index_address(files):
    bad = re.compile(
        r"(?<![\w.:/~-])/(root|home|tmp|work|opt|mnt|Users)/[\w.]|\b[A-Z]:\\+Users\\|--(extra-)?index-url|find[-]links"
        r"|https?://[^\s\"')]*/simple\b"
    )
    hits = []
    for f in (f for f in files if (ROOT / f).is_file()):
        try:
            text = (ROOT / f).read_text(encoding="utf-8")
        except (UnicodeDecodeError, IsADirectoryError):  # a picture; a link to a folder
            continue
        hits += [f"{f}: {m[0]}" for m in bad.finditer(text)]
    assert not hits


# ---- notebooks


@pytest.mark.parametrize("name", notebooks(), ids=str)
def test_notebook_is_a_page(name):
    nb, size = read_nb(name), (NBS / name).stat().st_size
    first = "".join(nb["cells"][0]["source"])
    assert size <= 1_000_000 and len(nb["cells"]) <= 60, f"{size} bytes, {len(nb['cells'])} cells"
    assert re.match(r"# \S.*\n+> \S", first), (
        f"opens with {first[:60]!r}, not with a title and a line that says what it is about"
    )
    assert not [o for c in code_cells(nb) for o in c["outputs"] if o["output_type"] == "error"], (
        "a saved output is an error"
    )
    assert not empty_payloads(nb), "a saved output is empty"


@pytest.mark.parametrize(
    "payload, empty",
    [
        ({"text/markdown": []}, True),
        ({"text/markdown": ""}, True),
        ({"text/plain": "x", "text/html": None}, True),
        ({}, True),
        ({"text/plain": "x"}, False),
    ],
)
def test_empty_payloads_are_found(payload, empty):
    nb = dict(
        cells=[dict(cell_type="code", source="", outputs=[dict(output_type="display_data", data=payload, metadata={})])]
    )
    assert bool(empty_payloads(nb)) == empty


def test_notebooks_are_clean(project):
    done = call(tool("nbdev-clean"), cwd=project, IN_TEST=None)
    assert done.returncode == 0, said(done)
    changed = [str(n) for n in notebooks() if (project / "nbs" / n).read_bytes() != (NBS / n).read_bytes()]
    assert not changed, "run `make export`: nbdev-clean would change these"


# ---- the package


def test_export_is_in_sync(project):
    package = project / PACKAGE
    for old in package.rglob("*.py"):
        if old.name != "__init__.py":
            old.unlink()
    done = call(tool("nbdev-export"), cwd=project, IN_TEST=None)
    assert done.returncode == 0, said(done)
    made, kept = (
        {p.relative_to(at).as_posix(): p.read_bytes() for p in at.rglob("*.py")} for at in (package, ROOT / PACKAGE)
    )
    assert sorted(made) == sorted(kept), "run `make export`; edit notebooks, not modules"
    assert not [n for n in made if made[n] != kept[n]], "run `make export`; edit notebooks, not modules"
    assert (project / "pyproject.toml").read_bytes() == (ROOT / "pyproject.toml").read_bytes()


def test_imports_point_upwards():
    "A package imports only from packages above it in the sidebar, a module of it only from lower numbers"
    ranks, wrong = {m: rank(m) for m in modules()}, []
    assert {m.split(".")[0] for m in ranks} == set(house()), "the sidebar lacks a package"
    for module, own in ranks.items():
        for name in imports(ROOT / PACKAGE / f"{module.replace('.', '/')}.py", module):
            top, *rest = name.split(".")
            found = [m for n in range(len(rest), 0, -1) if (m := ".".join(rest[:n])) in ranks][:1]
            if top == PACKAGE and found and ranks[found[0]] >= own:
                wrong.append(f"{module} imports {name}")
            if top == PACKAGE and rest[-1] == "*" and module != "all":
                wrong.append(f"{module} imports * from {name}")
            if top in HEAVY and module.split(".")[0] in LIGHT:
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


BLOCKED = """
import sys, importlib
from pathlib import Path
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {heavy}: raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Blocked())
for room in {rooms}:
    where = Path(importlib.import_module("{package}." + room).__file__)
    assert where.is_relative_to({at!r}), where
"""


@pytest.mark.slow
def test_wheel(project, tmp_path):
    done = call(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        tmp_path / "wheel",
        project,
        cwd=tmp_path,
    )
    assert done.returncode == 0, said(done)
    [wheel] = (tmp_path / "wheel").glob("*.whl")
    with zipfile.ZipFile(wheel) as z:
        names = set(z.namelist())
        z.extractall(tmp_path / "elsewhere")
        model = [i for i in z.infolist() if i.filename.startswith(f"{PACKAGE}/assets/default_model/")]
    assert f"{PACKAGE}/assets/pristine_bands.csv" in names
    assert {Path(i.filename).name for i in model} == {
        "model.json",
        "model.safetensors",
        "specimens.safetensors",
        "attribution.safetensors",
    } and sum(i.file_size for i in model) <= 4e6, "run `make model`"
    assert {n.split("/")[0] for n in names if not n.split("/")[0].endswith(".dist-info")} == {PACKAGE}
    light = [m for m in modules() if m.split(".")[0] in LIGHT]
    assert light
    script = BLOCKED.format(heavy=HEAVY, rooms=light, package=PACKAGE, at=str(tmp_path / "elsewhere"))
    done = call(sys.executable, "-c", script, cwd=tmp_path / "elsewhere", PYTHONPATH=str(tmp_path / "elsewhere"))
    assert done.returncode == 0, said(done)


# ---- README and site


BELOW_SURFACE = re.compile(r"(brukeropus|fastai|fastcore|typer)\.|PIL\.\w+Plugin|[\w.]+\._\w")  # Undocumented parts


def requirement_lists():
    "Requirements of settings.ini, by list"
    ini = ConfigParser(delimiters=["="])
    ini.read(ROOT / "settings.ini", encoding="utf-8")
    return {name: [Requirement(line) for line in v.split("\n")[1:]] for name, v in ini["DEFAULT"].items()}


def test_what_is_used_below_its_surface_has_an_upper_bound():
    "A change there breaks us without notice"
    found = set()
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            found |= {name.partition(".")[0] for name in names if BELOW_SURFACE.match(name)}
    found = {dict(PIL="pillow").get(name, name) for name in found - {PACKAGE}}
    assert {"brukeropus", "fastai", "fastcore", "typer", "pillow"} <= found
    bounded = {r.name for r in requirement_lists()["requirements"] if "<" in str(r.specifier).replace("<=", "")}
    assert found <= bounded


def unmet(requirements, seen):
    "What is installed in another version than somebody asks for, however far down; nothing of what is not installed"
    for wanted in requirements:
        name = canonicalize_name(wanted.name)
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            yield f"{wanted} is not installed"
            continue
        if not wanted.specifier.contains(found.version, prereleases=True):
            yield f"{wanted}, and {found.version} is installed"
        if name not in seen:
            seen.add(name)
            yield from unmet(map(Requirement, found.requires or []), seen)


def test_installed_packages_agree():
    "As `pip check`, and for the requirements of this checkout"
    assert list(unmet(requirement_lists()["requirements"], set())) == []
    wrong = list(unmet([Requirement("numpy<1"), Requirement("no-such-package")], set()))
    assert len(wrong) == 2 and "is installed" in wrong[0] and "is not installed" in wrong[1]


def test_readme_is_made_from_its_template(tmp_path):
    "Words from the template and the landing page, figures from the reference results: nothing is changed by hand"
    done = call(sys.executable, ROOT / ".ci/readme.py", tmp_path)
    assert done.returncode == 0, said(done)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == (ROOT / "README.md").read_text(encoding="utf-8"), (
        "run `make readme`"
    )
    made, kept = ({p.name: p.read_bytes() for p in (at / "nbs/figures").glob("readme_*")} for at in (tmp_path, ROOT))
    assert made == kept, "run `make readme`"


def test_model_card_is_made_from_the_shipped_model(tmp_path):
    done = call(sys.executable, ROOT / ".ci/model_card.py", tmp_path)
    assert done.returncode == 0, said(done)
    made, kept = ((at / "MODEL_CARD.md").read_text(encoding="utf-8") for at in (tmp_path, ROOT))
    assert made == kept, "run `make readme`"


def test_model_card_names_the_worst_figures():
    text = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")
    audit = json.loads((ROOT / PACKAGE / "assets/results/audit.json").read_text(encoding="utf-8"))
    real, other = audit["real_spectra"], audit["other_generator"]
    assert f"{real['with_verdict']} of {real['n']}" in text and f"{100 * other['accuracy']:.1f} %" in text
    assert "**simulated**" in text and "## Not for" in text


VERSION = r"\d+\.\d+\.\d+"


def test_version_is_the_first_of_the_changelog():
    declared = re.search(rf'^__version__ = "({VERSION})"$', (ROOT / PACKAGE / "__init__.py").read_text(), re.M)
    first = re.search(rf"^## ({VERSION})", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert declared and first and declared[1] == first[1]


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CONTRIBUTING.md"])
def test_the_site_has_the_same_text(name):
    shown = ROOT / "nbs" / name.lower()
    assert shown.read_bytes() == (ROOT / name).read_bytes(), "run `make export`"


def test_readme_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", text)
    assert links and not [link for link in links if not (ROOT / link).exists()]


def sidebar(items):
    "Pages and patterns named in a sidebar, sections included"
    for item in [items] if isinstance(items, (str, dict)) else items:
        if isinstance(item, str):
            yield item
        else:
            yield from sidebar(item.get("auto") or item.get("href") or item.get("contents", []))


def test_sidebar_lists_every_page():
    assert (NBS / "_quarto.yml").resolve() == ROOT / "_quarto.yml"
    listed = [
        page.relative_to(NBS).as_posix()
        for pattern in sidebar(quarto()["website"]["sidebar"]["contents"])
        for page in NBS.glob(pattern.lstrip("/"))
    ]
    assert not [p for p in sidebar(quarto()["website"]["sidebar"]["contents"]) if "*" in p and "/" not in p], (
        "Quarto takes a pattern without a slash for pages of every folder"
    )
    assert len(listed) == len(set(listed)), "a page is listed twice"
    assert {p for p in listed if p.endswith(".ipynb")} == {n.as_posix() for n in notebooks()}
    assert [p for p in listed if not p.endswith(".ipynb")] == ["changelog.md", "contributing.md"]


STAGE = "from nbdev.serve import proc_nbs; proc_nbs(force=True, n_workers=0)"


def shown_names(cells):  # names documented on a staged page, in its order
    return [
        m[1]
        for c in cells
        if c["cell_type"] == "code" and (m := re.search(r"^show_doc\((\w+)\)", "".join(c["source"]), re.M))
    ]


def cell_options(source):
    "The `#|` lines of a staged cell as Quarto reads them: a dict; None where they are no YAML"
    lines = "\n".join(re.findall(r"^#\| *(.+)$", source, re.M))
    try:
        found = yaml.safe_load(lines) or {}
    except yaml.YAMLError:
        return None
    return found if isinstance(found, dict) and all(not isinstance(v, dict) for v in found.values()) else None


def test_options_that_quarto_cannot_read_are_found():
    "A positive control"
    assert cell_options("#| fig-alt: two: words\nx = 1") is None
    assert cell_options('#| fig-alt: "two: words"\n#| echo: false\nx = 1') == {"fig-alt": "two: words", "echo": False}


def staged_markdown(project, name):
    cells = json.loads((project / "_proc" / name).read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def assert_api_index_is_whole(text):
    "One line with words for each public name of each module"
    rows = re.findall(r"^\| \[`(\w+)`\]\(([^)#]+)[^)]*\) \| (.*) \|$", text, re.M)
    public = [name for m in style.modules() if m.name != "all" for name in m.public]
    assert sorted(name for name, _, _ in rows) == sorted(public)
    assert not [name for name, page, line in rows if not line.strip() or not (NBS / page).exists()]


def assert_gallery_is_whole(project, text):
    "Every saved picture has a thumbnail that leads to its page and carries its alt text"
    shown = re.findall(r'^\[!\[\]\(([^)]+)\)\{fig-alt="([^"]+)"\}\]\(([^)]+)\)$', text, re.M)
    saved = [
        name.as_posix()
        for name in notebooks()
        for c in code_cells(read_nb(name))
        for o in c["outputs"]
        if {"image/png", "image/jpeg"} & o.get("data", {}).keys()
    ]
    assert sorted(page for _, _, page in shown) == sorted(saved)
    assert not [thumb for thumb, _, _ in shown if not (project / "_proc" / thumb).stat().st_size > 1000]


@pytest.mark.slow
def test_docs_are_staged(project):
    "What nbdev does to the pages before Quarto renders them: hidden cells out, documentation of every exported name in"
    done = call(sys.executable, "-W", "always", "-c", STAGE, cwd=project, IN_TEST=None, PYTHONPATH=str(project / ".ci"))
    assert done.returncode == 0, said(done)
    assert "imports and other code" not in done.stderr, said(done)
    staged = {p.relative_to(project / "_proc").as_posix() for p in (project / "_proc").rglob("*.ipynb")}
    assert staged == {n.as_posix() for n in notebooks()}
    assert (project / "_proc/_quarto.yml").read_text(encoding="utf-8") == (ROOT / "_quarto.yml").read_text(
        encoding="utf-8"
    )
    links, module_of = [], {page: module for module, page in modules().items()}
    for name in notebooks():
        nb = json.loads((project / "_proc" / name).read_text(encoding="utf-8"))
        cells, module = nb["cells"], module_of.get(name)
        front = next(c for c in cells if c["cell_type"] == "raw")
        assert yaml.safe_load("".join(front["source"]).strip().strip("-"))["title"], name
        shown = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
        assert not [s for s in shown if re.search(r"^#\|\s*(export|hide)\b", s, re.M)], name
        assert not [o for c in cells for o in c.get("outputs", []) if o["output_type"] == "error"], name
        assert not empty_payloads(nb), name
        assert not [options for options in map(cell_options, shown) if options is None], name
        text = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown") + "".join(
            "".join(o.get("data", {}).get("text/markdown", "")) for c in cells for o in c.get("outputs", [])
        )
        links += [(name, m[1], m[2]) for m in re.finditer(r"\[`[^`]+`\]\(([^)#]*)#([^)]+)\)", text)]
        if module:  # in the order of the module
            defined = [
                n
                for n in re.findall(
                    r"^(?:class|def) (\w+)",
                    (ROOT / PACKAGE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"),
                    re.M,
                )
            ]
            order = [defined.index(n) for n in shown_names(cells) if n in defined]
            assert order == sorted(order), name
    assert len(links) > 100
    lists = {n: staged_markdown(project, f"{n}.ipynb") for n in ("index", "api", "gallery")}
    assert not [n for n, text in lists.items() if "<!-- made:" in text], "a list was not made"
    assert_api_index_is_whole(lists["api"])
    assert_gallery_is_whole(project, lists["gallery"])
    pages = {
        name.as_posix(): {
            n.lower() for n in shown_names(json.loads((project / "_proc" / name).read_text(encoding="utf-8"))["cells"])
        }
        for name in notebooks()
    }
    assert not [link for link in links if link[2] not in pages[(link[1] or link[0].as_posix()).lstrip("/")]], (
        "a link between names leads nowhere"
    )


@pytest.mark.parametrize("words", ["carbonyl index", "scale bar", "fusion operator", "detection limit", "OPUS"])
def test_search_finds_the_words_of_the_field(words):
    "In the title or the line below it of a page that documents code, where a search engine and a sidebar look"
    opening = {n: "".join(read_nb(n)["cells"][0]["source"]).lower() for n in notebooks() if n.name != "api.ipynb"}
    assert [n for n, text in opening.items() if words.lower() in text and n.parts[0] not in ("tutorials", "studies")]


def test_every_lesson_has_a_door():
    "Each tutorial, how-to and study stands behind exactly one door of the landing page"
    code = "import made_pages as m, json; print(json.dumps({d: [p.path for p in m.behind(d)] for d in m.DOORS}))"
    done = call(sys.executable, "-c", code, PYTHONPATH=f"{ROOT / '.ci'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    assert done.returncode == 0, said(done)
    doors = json.loads(done.stdout)
    lessons = [n.as_posix() for n in notebooks() if n.parts[0] in ("tutorials", "howto", "studies")]
    assert sorted(page for pages in doors.values() for page in pages) == sorted(lessons)
    assert all(doors.values())
    page = "".join("".join(c["source"]) for c in read_nb("index.ipynb")["cells"])
    assert re.findall(r"<!-- made: (\w+) -->", page) == list(doors)
