"""Names in backticks become links on the site, but not those that already are the text of one"""

import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / ".ci"))
from docs_pages import Lookup, link_names  # noqa: E402

NAME = "[`load_samples`](/data/10_load.ipynb#load_samples)"


@pytest.fixture
def linked():
    step = object.__new__(link_names)
    step.lookup = Lookup("index.ipynb")

    def shown(source):
        cell = SimpleNamespace(cell_type="markdown", source=source, get=lambda key, default: default)
        step.cell(cell)
        return cell.source

    return shown


@pytest.mark.parametrize(
    "source, expected",
    [
        ("see `load_samples`", f"see {NAME}"),
        ("see [`load_samples`](a.ipynb), or `load_samples`", f"see [`load_samples`](a.ipynb), or {NAME}"),
        ("[how `load_samples` reads](a.ipynb)", "[how `load_samples` reads](a.ipynb)"),
        ("[`load_samples`] in brackets", f"[{NAME}] in brackets"),
    ],
)
def test_a_name_is_linked_once(linked, source, expected):
    assert linked(source) == expected
