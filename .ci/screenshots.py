"""`make screenshots`: pictures of the report and of the page of predictions, for the docs.

A small study and a prediction are run in a temporary folder, their pages are opened in Chromium, and the first screen
of each becomes a picture in nbs/figures. So the pictures show what the package makes today; they are simulated, and
the pages say so. A run that is there already can be named: `python .ci/screenshots.py RUN`.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from browser import Page, find_browser
from PIL import Image

FIGURES = Path(__file__).resolve().parents[1] / "nbs/figures"
# Where to end a picture: below the figure and below a row of the table, so that neither is cut in two
END = """(() => {
  const bottoms = what => [...document.querySelectorAll(what)].map(part => part.getBoundingClientRect().bottom);
  const figure = Math.max(...bottoms(".first figure")), rows = bottoms(".first tr").filter(row => row >= figure);
  const fitting = rows.filter(row => row < innerHeight - 8);
  return Math.ceil(8 + (fitting.length ? Math.max(...fitting) : rows.length ? Math.min(...rows) : figure));
})()"""
LARGEST = 200_000  # Bytes of a picture
COLORS = 255  # A screen of text and lines needs no more
STUDY = ["study", "--quick", "--samples", "112", "--epochs", "1", "--out", "study"]


def run(folder, *words):
    "One command of the package, installed beside the running Python"
    command = Path(sys.executable).with_name("microplastic-aging")
    subprocess.run([str(command), *words], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def save(png, name):
    "Write a picture, with few colours"
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    content = io.BytesIO()
    image.save(content, format="png", optimize=True, dpi=(144, 144))
    if content.tell() > LARGEST:
        raise SystemExit(f"{name}: {content.tell()} bytes are more than {LARGEST}; show less of the page")
    (FIGURES / name).write_bytes(content.getvalue())
    print(f"nbs/figures/{name}: {content.tell() // 1000} kB")


def main(study=None):
    if find_browser() is None:
        raise SystemExit("no Chromium is installed (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder, Page() as page:
        folder = Path(folder)
        run(folder, "simulate", "particles", "--samples", "24", "--seed", "3")
        run(folder, "predict", "particles", "--out", "predictions.csv")
        if study is None:
            run(folder, *STUDY)
        shown = {
            "prediction_page.png": (folder / "predictions.html", 760),
            "report_page.png": (Path(study or folder / "study") / "report.html", 900),
        }
        for name, (path, height) in shown.items():
            page.open(path, width=1200, height=height)
            page.height = page.evaluate(END)
            save(page.picture(scale=1.5), name)


if __name__ == "__main__":
    main(*sys.argv[1:])
