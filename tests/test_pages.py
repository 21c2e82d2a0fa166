"Front pages as a reader meets them: they can be pasted, figures are sharp and described, sentences are short"

import base64
import io
import json
import os
import re
import shutil
import sys
from functools import cache

import pytest
from conftest import NBS, ROOT, call, notebooks, said, tool
from PIL import Image

from microplastic_aging.files import reference_result
from microplastic_aging.report.formats import percent, with_interval
from microplastic_aging.report.html import render

FRONT = {"tutorials", "howto", "studies"}
HIDDEN = re.compile(r"^#\| *(hide|export|exporti|default_exp|echo: *false|include: *false)\b", re.M)
BASH = re.compile(r"^```bash\n(.*?)^```", re.M | re.S)
FIGURES = ("image/png", "image/jpeg", "image/svg+xml")
LONGEST = 40  # words in a sentence
FRONT_PAGES = [p for p in notebooks() if p.parts[0] in FRONT]
PLAIN_PAGES = [
    p for p in notebooks() if p.parts[0] in FRONT - {"studies"} or str(p) in ("index.ipynb", "glossary.ipynb")
]


def cells(name):
    return json.loads((NBS / name).read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def is_visible(cell):
    return cell["cell_type"] == "code" and not HIDDEN.search(source(cell)) and source(cell).strip()


def readme_steps():
    "README's blocks to paste, in order; what sets up the environment, or takes the whole study, is left out"
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(bash|python)\n(.*?)^```", text, re.M | re.S)
    return [(kind, kept) for kind, block in blocks if (kept := re.sub(r"^make .*\n", "", block, flags=re.M)).strip()]


def steps(name):
    "What a reader would paste, in order: code cells, and the commands of ```bash blocks; between them hidden checks"
    if name == "README":
        return readme_steps()
    found = []
    for cell in cells(name):
        text = source(cell)
        if cell["cell_type"] == "markdown":
            found += [("bash", block) for block in BASH.findall(text)]
        elif is_visible(cell):
            found.append(("python", text))
        elif (
            cell["cell_type"] == "code" and name in FRONT_PAGES and not text.startswith("%%")
        ):  # %%bash: the block above
            found.append(("hidden", text))
    return found


PASTE = """
import json, socket, subprocess, sys

def no_network(self, address):
    raise OSError(f"this page wants the network: {address}")

socket.socket.connect = no_network
names = {"__name__": "__main__"}  # what a reader has
checks = dict(names)  # what hidden cells see: the same, and names of their own, which no visible cell gets
for number, (kind, text) in enumerate(json.load(open(sys.argv[1])), 1):
    print(f"--- step {number}, {kind}\\n{text}", flush=True)
    if kind == "bash":
        subprocess.run(["bash", "-ec", text], check=True)
    elif kind == "hidden":
        checks |= names
        exec(compile(text, f"step {number}", "exec"), checks)
    else:
        exec(compile(text, f"step {number}", "exec"), names)
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    "The wheel, unpacked: what a user has, without this checkout"
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "microplastic_aging", folder / "project/microplastic_aging")
    for name in ("settings.ini", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "project")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheel = [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, folder / "project"]
    build = call(*wheel)
    assert build.returncode == 0, said(build)
    [made] = folder.glob("*.whl")
    done = call(*pip, "install", "-q", "--no-deps", "--target", folder / "site", made)
    assert done.returncode == 0, said(done)
    return folder / "site"


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FRONT_PAGES, "README"], ids=str)  # README shows what the index page does
def test_page_can_be_pasted(name, installed, tmp_path):
    """Its visible code, in order, in a fresh interpreter and an empty folder; no network, no published data

    Hidden cells run between, on names that no visible cell gets: one run tests what a reader pastes, and the page.
    """
    script, todo = tmp_path / "paste.py", tmp_path / "steps.json"
    script.write_text(PASTE)
    todo.write_text(json.dumps(steps(name)))
    (tmp_path / "empty").mkdir()
    env = dict(PYTHONPATH=str(installed), MPA_PUBLIC=None, MPA_RUN=None, MPLBACKEND="agg", IN_TEST=None)
    path = f"{tool('python').parent}{os.pathsep}{os.environ['PATH']}"
    done = call(sys.executable, script, todo, cwd=tmp_path / "empty", PATH=path, **env)
    assert done.returncode == 0, said(done, 40)


def test_every_front_page_shows_code():
    "A positive control: a page without steps would pass"
    assert [str(p) for p in FRONT_PAGES if all(kind == "hidden" for kind, _ in steps(p))] == []
    assert [kind for kind, _ in steps("index.ipynb")] == ["bash", "python"]
    assert steps("README")[1][1].strip() in steps("index.ipynb")[1][1]


@pytest.mark.parametrize("name", [*FRONT_PAGES, "index.ipynb"], ids=str)
def test_commands_are_followed_by_what_they_print(name):
    "A ```bash block is run by the hidden-source cell below it, so that its output is true"
    page = cells(name)
    for here, below in zip(page, [*page[1:], None], strict=True):
        blocks = BASH.findall(source(here)) if here["cell_type"] == "markdown" else []
        for block in blocks[-1:]:
            ran = source(below) if below else ""
            lines = [line for line in ran.splitlines() if not line.startswith(("#|", "%%"))]
            assert "echo: false" in ran and "\n".join(lines).strip() == block.strip(), block
        assert len(blocks) <= 1, f"one block of commands a cell: {blocks}"


@pytest.mark.parametrize("name", [p for p in FRONT_PAGES if p.parts[0] != "studies"], ids=str)
def test_tutorials_carry_no_visible_check(name):
    check = re.compile(r"^\s*(assert\b|test_\w+\()", re.M)
    assert [source(c) for c in cells(name) if is_visible(c) and check.search(source(c))] == []


@pytest.mark.parametrize("name", [p for p in FRONT_PAGES if p.parts[0] == "studies"], ids=str)
def test_studies_open_with_the_verdict(name):
    headings = re.findall(r"^## (.+)$", "\n".join(source(c) for c in cells(name) if c["cell_type"] == "markdown"), re.M)
    assert headings[0] == "In short"


def stated_dpi(data):
    "Resolution that a PNG or JPEG declares, 0 where it declares none"
    return round(Image.open(io.BytesIO(data)).info.get("dpi", (0, 0))[0])


def pictures(cell):
    "Saved figures of a cell: (mime type, content)"
    outputs = [o.get("data", {}) for o in cell.get("outputs", [])]
    return [(kind, data[kind]) for data in outputs for kind in FIGURES if kind in data]


@pytest.mark.parametrize("name", notebooks(), ids=str)
def test_figures_are_sharp_and_described(name):
    for cell in cells(name):
        for kind, content in pictures(cell):
            assert re.search(r"^#\| *fig-alt: *\S", source(cell), re.M), source(cell)
            if kind != "image/svg+xml":
                assert stated_dpi(base64.b64decode("".join(content))) >= 120, source(cell)


def sentences(markdown):
    "Sentences of prose: without code, tables, addresses and headings; an item of a list ends with its line"
    text = re.sub(r"```.*?```|<[^>]+>|`[^`]*`", " x ", markdown, flags=re.S)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"^\s*(\||#|>).*$", "\n\n", text, flags=re.M)
    items = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.)\s", text)
    return [s for item in items for s in re.split(r"(?<=[.!?])\)?\s+", item) if s.strip()]


def long_sentences(markdown):
    return [s for s in sentences(markdown) if len(re.findall(r"\w[\w'’.,×%-]*", s)) > LONGEST]


LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)")


@pytest.mark.parametrize("name", notebooks(), ids=str)
def test_links_lead_to_files(name):
    prose = [
        re.sub(r"```.*?```|`[^`]*`", "", source(c), flags=re.S) for c in cells(name) if c["cell_type"] == "markdown"
    ]
    links = [link for text in prose for link in LINK.findall(text)]
    assert [link for link in links if not ((NBS / name).parent / link).exists()] == []


@pytest.mark.parametrize("name", PLAIN_PAGES, ids=str)
def test_sentences_are_short(name):
    found = [s for c in cells(name) if c["cell_type"] == "markdown" for s in long_sentences(source(c))]
    assert not found


def test_readme_is_one_screen_of_short_sentences():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prose = re.sub(r"<!--.*?-->|```.*?```|\]\([^)]*\)", " ", text, flags=re.S)
    assert len(re.findall(r"\w+(?:[.'’-]\w+)*", prose)) <= 900
    assert not long_sentences(text)


def honest_parts():
    "What stands under 'How good, honestly': in README, and as the landing page has saved it"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [page] = [c for c in cells("index.ipynb") if "honest.md.j2" in source(c)]
    [saved_text] = saved(page, "text/markdown")
    return {"README": readme.partition("## How good, honestly")[2].partition("\n## ")[0], "page": saved_text}


@pytest.mark.parametrize("where", ["README", "page"])
def test_how_good_includes_the_worst_figures(where):
    "Best classical model, real spectra, links, pairs of another generator, scatter: as the results have them"
    text, study, audit = honest_parts()[where], reference_result("study"), reference_result("audit")
    table = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    real, of_run = audit["real_spectra"], reference_result("evidence")["links"].get("standard")
    links = of_run or reference_result("links")["benchmarks"]["2"]["variants"]["standard"]
    n_found = sum(link["verdict"] == "supported" for link in links["network" if of_run else "index"].values())
    grouped = {name: model["grouped"] for name, model in study["models"].items()}
    best_classical = max(audit["classical"]["stack_of_seven"]["value"], grouped["classical_fusion"]["accuracy"])
    rows = [
        [percent(grouped["fusion"]["accuracy"]), percent(best_classical)],
        [percent(audit["other_generator"]["accuracy"]), percent(audit["other_generator"]["refused"])],
        [f"{real['with_verdict']} of {real['n']}"],
        [f"{n_found} of 3 found", *(with_interval(link["effect"], None, 2) for link in links["planted"].values())],
    ]
    for words in rows:
        assert [line for line in table.splitlines() if all(w in line for w in words)], f"no row with {words}"
    assert len(table.splitlines()) - 2 <= 5 and n_columns(table) <= 5
    scatter = audit["scatter"]
    assert scatter["factor"] == 0.1 and "scatter a tenth as much as measured ones" in text
    assert percent(scatter["spectrum_network"]["measured"]) in text
    before_table = text[: text.index("| Tried on")]
    assert CLAIMS_PAGE in before_table


@cache
def section_texts(name):
    "Section -> its text and saved outputs, up to the next heading of its level; by the anchors that the site makes"
    pieces = []
    for cell in cells(name):
        if cell["cell_type"] == "markdown":
            pieces += re.split(r"^(#+ .+)$", source(cell), flags=re.M)
        else:
            pieces += [
                re.sub(r"<[^>]+>", " ", text) for text in saved(cell, "text/html", "text/markdown", "text/plain")
            ]
    found, within = {}, []  # `within`: (level, anchor) of the headings above
    for piece in pieces:
        if heading_found := re.fullmatch(r"(#+) (.+)", piece):
            level, title = len(heading_found[1]), heading_found[2]
            within = [h for h in within if h[0] < level]
            within.append((level, "-".join(re.sub(r"[^\w\s.-]", "", title.lower()).split())))
        for _, anchor in within:
            found[anchor] = found.get(anchor, "") + "\n" + piece
    return found


CLAIMS_PAGE = "studies/00_the_papers_claims.ipynb"
NUMBER = r"[+−]?\d+(?:\.\d+)?"
FIGURE = re.compile(rf"{NUMBER}(?: %)?(?: \[{NUMBER}, {NUMBER}\]| \({NUMBER} to {NUMBER}\))?")
SECTION_LINK = re.compile(r"\[[^]]*\]\(([^)#]+)#([^)]+)\)")


def claims_shown():
    "Table and limits of the page of claims, as they are saved"
    shown = {source(c): saved(c, "text/markdown") for c in cells(CLAIMS_PAGE) if c["cell_type"] == "code"}
    [table], [limits] = shown["study.table()"], shown["study.limits()"]
    return table.splitlines()[2:], limits


def linked_text(line):
    "Text of all sections that the links of a line name; a link that leads to no section is an error"
    links = [(os.path.normpath(f"studies/{path}"), anchor) for path, anchor in SECTION_LINK.findall(line)]
    assert links, f"no link: {line}"
    return "\n".join(section_texts(page)[anchor] for page, anchor in links)


def lost_figures(line):
    "Figures of a line that its sections do not show; bare counts below ten are left out, as is the number of a claim"
    said = re.sub(r"^\| \d+\. ", "| ", SECTION_LINK.sub("", line))
    figures = [figure for figure in FIGURE.findall(said) if not re.fullmatch(r"\d", figure)]
    text = linked_text(line)
    return [f for f in figures if not re.search(rf"(?<![\d.,+−]){re.escape(f)}(?!\d|\.\d)", text)], len(figures)


def test_each_claim_has_a_row_and_the_limits_that_decide_it():
    "Ten rows of five columns, two limits each; every link leads to a section"
    rows, limits = claims_shown()
    claims = re.split(r"^\*\*\d+\. ", limits, flags=re.M)[1:]
    assert len(claims) == 10 == len(rows) and n_columns("\n".join(rows)) <= 5
    assert [claim.count("\n- ") for claim in claims] == [2] * 10
    assert all(linked_text(line) for line in [*rows, *re.findall(r"^- .+", limits, re.M)])


def test_figures_of_claims_stand_where_their_links_lead():
    "Whoever follows a link finds there each figure that stood beside it, with its interval"
    rows, limits = claims_shown()
    found = {line: lost_figures(line) for line in [*rows, *re.findall(r"^- .+", limits, re.M)]}
    assert {line: lost for line, (lost, _) in found.items() if lost} == {}
    assert sum(n for _, n in found.values()) > 60


def test_lost_figures_are_found():
    "A positive control: a figure of another section, one with another interval, and one that is nowhere"
    link = "[02](02_evidence.ipynb#bands)"
    assert lost_figures(f"- O–H 3.00 [2.79, 3.21], 0.26 [0.04, 0.49] {link}") == ([], 2)
    wrong = ["3.00 [2.79, 3.22]", "13.9 %", "77.7"]
    assert lost_figures(f"- {', '.join(wrong)} {link}") == (wrong, 3)


def test_the_claims_page_is_short():
    "A stranger has ten minutes for README, this page and its links"
    rows, limits = claims_shown()
    parts = [re.sub(r"\[Where\]\([^)]*\)|\]\([^)]*\)", " ", text) for text in ("\n".join(rows), limits)]
    table_words, limit_words = (len(re.findall(r"\w+(?:[.'’-]\w+)*", part)) for part in parts)
    assert table_words <= 500 and limit_words <= 450


def test_examples_are_not_all_right():
    "The landing page counts wrong and withheld verdicts, and README shows the first of each"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [(right, n, wrong, withheld)] = re.findall(
        r"(\d+) of (\d+) verdicts are right, (\d+) wrong and (\d+) withheld", readme
    )
    assert int(right) + int(wrong) + int(withheld) == int(n) and int(wrong) and int(withheld)
    [below] = re.findall(r"withheld:\n\n!\[([^]]+)\]", readme)
    assert "wrong verdict" in below


def test_model_card_names_the_model_of_each_figure():
    "One modality hidden and one modality trained alone are two models, and only the second is README's"
    card, study = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8"), reference_result("study")
    for modality in ("image", "spectrum"):
        alone = percent(study["models"][modality]["grouped"]["accuracy"])
        assert (
            f"trained on the {modality} alone, as README has it | {alone}" in card and alone in honest_parts()["README"]
        )
    assert "the same model" not in card


def test_landing_page_shows_the_results_of_today():
    "What it has saved is what the template says of the reference results"
    results = {name: reference_result(name) for name in ("study", "audit", "attribution", "evidence", "links")}
    assert honest_parts()["page"] == render("honest.md.j2", pages="", **results).strip()


def test_long_sentences_are_found():
    "A positive control"
    assert long_sentences("word " * 41 + ".") and not long_sentences("word " * 20 + ". " + "word " * 25 + ".")


def heading(text):
    "Title of a page and the `> …` line below it, which search and previews show; empty where there is none"
    title = re.match(r"# *(\S.*)", text)
    below = re.match(r"#[^\n]*\n+> *(\S.*)", text)
    return (title[1].strip() if title else "", below[1].strip() if below else "")


def same_titles(titles):
    "Titles that differ in case and punctuation only, or not at all"
    plain = [" ".join(re.findall(r"\w+", title.lower())) for title in titles]
    return sorted({title for title, p in zip(titles, plain, strict=True) if plain.count(p) > 1})


def test_no_two_pages_have_one_title():
    "Sidebar and search show titles alone"
    notes = [heading(p.read_text(encoding="utf-8"))[0] for p in sorted(NBS.glob("*.md"))]
    titles = [heading(source(cells(name)[0]))[0] for name in notebooks()] + notes
    assert all(titles) and not same_titles(titles)


@pytest.mark.parametrize("name", notebooks(), ids=str)
def test_every_page_has_a_description(name):
    title, description = heading(source(cells(name)[0]))
    assert len(description.split()) >= 5 and description.lower() != title.lower()


def test_headings_are_read():
    "A positive control"
    assert heading("# Real spectra\n\n> What they show.") == ("Real spectra", "What they show.")
    assert heading("# Real spectra\n\nText\n\n> Quoted") == ("Real spectra", "") and heading("Text") == ("", "")
    assert same_titles(["Evidence", "Controls", "evidence:"]) == ["Evidence", "evidence:"]


def n_columns(html_or_markdown):
    "Columns of the widest table in a text"
    rows = re.findall(r"<tr.*?</tr>", html_or_markdown, re.S)
    widths = [len(re.findall(r"<t[hd]\b", row)) for row in rows]
    return max([*widths, *(line.count("|") - 1 for line in html_or_markdown.splitlines() if line.startswith("|")), 0])


def saved(cell, *kinds):
    "Texts of these mime types among the outputs of a cell"
    outputs = [o.get("data", {}) for o in cell.get("outputs", [])]
    return ["".join(data[kind]) for data in outputs for kind in kinds if kind in data]


@pytest.mark.parametrize("name", PLAIN_PAGES, ids=str)
def test_tables_are_narrow(name):
    for cell in cells(name):
        shown = [source(cell)] if cell["cell_type"] == "markdown" else saved(cell, "text/html", "text/markdown")
        assert max(map(n_columns, shown), default=0) <= 5, source(cell)


@pytest.mark.parametrize("name", FRONT_PAGES, ids=str)
def test_no_output_is_a_raw_record(name):
    "A record is shown as a table or a figure, not by its repr"
    raw = re.compile(r"^[A-Z]\w+\(\w+=|^\{'|\barray\(|\bnp\.(float|int|str|bool)|PosixPath\(|<\w+\.\w+: ")
    shown = [text for c in cells(name) if not saved(c, "text/html", *FIGURES) for text in saved(c, "text/plain")]
    assert not [text for text in shown if raw.match(text)]


@pytest.mark.parametrize("name", notebooks(), ids=str)
def test_no_cell_of_a_table_is_cut_or_code(name):
    "pandas cuts words at 50 characters unless it is told not to; a dictionary in a cell is for programs"
    found = [td for c in cells(name) for text in saved(c, "text/html") for td in re.findall(r"<td>(.*?)</td>", text)]
    assert not [td for td in found if re.match(r".+\.\.\.$|\{'|array\(|np\.float64\(|PosixPath\(|&lt;\w+\.\w+: ", td)]
