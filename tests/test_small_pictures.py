"""Saved pictures in 256 colours: lines and text stay as they are, a photograph that would suffer is left alone"""

import io
import sys

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

sys.path.insert(0, str(ROOT / ".ci"))
from small_pictures import in_palette  # noqa: E402


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels.astype("uint8"), "RGBA" if pixels.shape[-1] == 4 else "RGB").save(out, "PNG", dpi=(150, 150))
    return out.getvalue()


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (200, 200, 1))


@pytest.mark.parametrize("colour", [(1, 0, 0), (1, 1, 1)])
def test_few_colours_keep_every_pixel_and_the_resolution(noise, colour):
    before = png(noise * np.array(colour))
    after = in_palette(before)
    shown = Image.open(io.BytesIO(after))
    assert len(after) < len(before) and shown.mode == "P" and round(shown.info["dpi"][0]) == 150
    assert (np.asarray(shown.convert("RGB")) == noise * np.array(colour)).all()
    assert in_palette(after) == after


def test_what_would_suffer_is_left_alone(noise):
    many = np.random.default_rng(1).integers(0, 256, (200, 200, 3))
    clear = np.concatenate([noise, noise, noise, np.full_like(noise, 9)], -1)
    assert all(in_palette(data) == data for data in (png(many), png(clear), png(noise[:9, :9] * np.ones(3))))
