"""Saved pictures of the notebooks in 256 colours: about half the bytes, the same pixels and resolution

A picture that shows the loss stays as it is: of a photograph with colours over it, more than a thousandth of the pixels
would be off by over `MAX_OFF`. A picture in a palette is left alone, so a second run changes nothing.
Run it after the last pages have been executed: `python .ci/small_pictures.py [PAGE ...]`.
"""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

MAX_OFF = 24  # Levels of 255, in the worst channel
SMALL = 20_000  # Bytes that are not worth it


def in_palette(data):
    "PNG in 256 colours; the same bytes where that shows or saves nothing"
    picture = Image.open(io.BytesIO(data))
    if picture.mode == "P" or len(data) < SMALL:
        return data
    full = picture.convert("RGB")
    few = full.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    off = np.abs(np.asarray(full, int) - np.asarray(few.convert("RGB"), int)).max(-1)
    if picture.mode == "RGBA" and np.asarray(picture)[..., 3].min() < 255 or np.percentile(off, 99.9) > MAX_OFF:
        return data
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True, dpi=picture.info.get("dpi", (150, 150)))
    return min(data, out.getvalue(), key=len)


def shrink(path):
    "One notebook in place; bytes saved"
    before = path.read_text(encoding="utf-8")
    after = before
    for cell in json.loads(before)["cells"]:
        for output in cell.get("outputs", []):
            text = "".join(output.get("data", {}).get("image/png", ""))
            if text:
                small = base64.b64encode(in_palette(base64.b64decode(text))).decode()
                after = after.replace(text.rstrip("\n"), small)
    if after != before:
        path.write_text(after, encoding="utf-8")
    return len(before) - len(after)


if __name__ == "__main__":
    pages = [Path(p) for p in sys.argv[1:]] or sorted(Path("nbs").rglob("*.ipynb"))
    saved = {p: shrink(p) for p in pages}
    print(f"{sum(saved.values()) / 1e6:.1f} MB less in {sum(s > 0 for s in saved.values())} of {len(pages)} notebooks")
