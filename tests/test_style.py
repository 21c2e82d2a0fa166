"How the package is written: the limits of style, measured on the exported code, and what ruff finds"

import subprocess
import sys

import pytest
import style
from conftest import ROOT, said

MODULES = style.modules()
PACKAGES = sorted({m.package for m in MODULES if "." in m.name}) + ["top level"]


def belongs_to(module, package):
    "Modules of the top level, each alone in its package, are measured together"
    return "." not in module.name if package == "top level" else module.name.startswith(package + ".")


def test_no_line_is_wider_than_120_characters():
    assert not [f"{m.name}: line {i}" for m in MODULES for i in m.wide]


def test_no_module_has_over_400_lines():
    assert not [f"{m.name}: {m.lines}" for m in MODULES if m.lines > 400]


@pytest.mark.parametrize("package", PACKAGES)
def test_one_thought_a_line(package):
    "Nine functions in ten have at most 700 characters, nine lines in ten at most 24 syntax nodes"
    own = [m for m in MODULES if belongs_to(m, package)]
    bodies, nodes = [b for m in own for b in m.bodies], [n for m in own for n in m.nodes]
    assert style.quantile(bodies, 0.9) <= 700
    assert style.quantile(nodes, 0.9) <= 24


def test_functions_have_at_most_six_arguments():
    many = [f"{m.name}.{name}: {n}" for m in MODULES for name, n in m.arguments.items() if n > 6]
    assert not many, "group settings in a dataclass"


def test_the_public_surface_is_small():
    assert sum(len(m.public) for m in MODULES if m.name != "all") <= 500
    assert not style.exported_twice(MODULES)


def test_measures_see_what_they_measure(tmp_path, monkeypatch):
    "A positive control: a wide line, a long function, seven arguments, a crowded line are all found"
    monkeypatch.setattr(style, "PACKAGE", tmp_path)
    text = (
        "__all__ = ['f',\n           'g']\n\ndef f(a, b, c, d, e, f, g):\n    'doc'\n    x = ["
        + "1, " * 60
        + "]\n    return x\n"
    )
    (tmp_path / "m.py").write_text(text)
    [found] = style.modules()
    assert found.public == ["f", "g"] and found.arguments == {"f": 7} and found.wide == [6]
    assert max(found.nodes) > 60 and found.bodies[0] > 180


def test_pages_explain_their_code():
    "At least 40 words of prose for 1000 characters of exported code"
    thin = {page: round(density) for page, density in style.prose_density().items() if density < 40}
    assert not thin


@pytest.mark.parametrize("words", [("check",), ("format", "--check")], ids="-".join)
def test_ruff_has_nothing_to_say(words):
    done = subprocess.run([sys.executable, "-m", "ruff", *words, "."], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, said(done)


def test_modules_define_every_name_they_use():
    "A page may import in a hidden cell what its module forgets: the page runs, and the module does not"
    words = ["check", "--isolated", "--select", "F821", "microplastic_aging"]
    done = subprocess.run([sys.executable, "-m", "ruff", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, said(done)
