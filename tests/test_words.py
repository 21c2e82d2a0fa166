"The words of the field: terms that the first edition had of its own do not come back"

import json
import re

import pytest
from conftest import NBS, ROOT, notebooks

from microplastic_aging.attribute.columns import COLUMNS

# term -> what to say; terms that also have a plain meaning are left to the reader
OWN = {
    r"\blikeliest\b": "predicted class, most probable",
    r"\bstrangeness\b": "novelty score",
    r"\bplain counts?\b": "uncorrected proportion",
    r"\bbare difference\b": "raw difference",
    r"\bholds? the truth\b": "covers the true value",
    r"\bprimary (factor|mechanism)s?\b": "dominant mechanism",
    r"\bbeyond the border\b": "above the threshold",
    r"\bthe nets?\b": "the network, the model",
    r"\bturned maps?\b": "shifted maps",
    r"\bof this room\b": "of this page",
}


def prose(name):
    "Markdown of a page, names in code left out"
    cells = json.loads((NBS / name).read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return re.sub(r"`[^`]*`", "", text)


@pytest.mark.parametrize("name", notebooks(), ids=str)
def test_pages_use_the_words_of_the_field(name):
    text = prose(name)
    found = [f"{m[0]!r}: say {say}" for term, say in OWN.items() for m in re.finditer(term, text)]
    assert not found


def test_templates_use_the_words_of_the_field():
    for path in (ROOT / "microplastic_aging/assets/templates").glob("*.j2"):
        text = path.read_text(encoding="utf-8")
        assert not [term for term in OWN if re.search(term, text)], path.name


def test_the_words_are_found():
    "A positive control"
    assert re.search("|".join(OWN), "the net's likeliest class")


def test_nothing_but_a_class_begins_with_p():
    assert [c.name for c in COLUMNS if c.name.startswith("p_")] == ["p_…"]
