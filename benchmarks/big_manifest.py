"""Check manifests of 200 000 rows: `python benchmarks/big_manifest.py [--rows 200000]` prints CPU seconds, memory and
characters of output for files that are not there, files that many rows share, and each row wrong in many ways"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from microplastic_aging.spectra.core import GRID, write_spectrum

LIMIT_S, LIMIT_CHARACTERS = 30, 20_000
N_FILES = 200
TYPES = ("chemical", "uv", "physical")
CALL = "import json, resource, sys; from microplastic_aging.cli import app; sys.argv[1:] = ['check', sys.argv[1]]\n"
CALL += "try: app()\nexcept SystemExit: pass\n"
CALL += "used = resource.getrusage(resource.RUSAGE_SELF)\n"
CALL += "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1000]), file=sys.stderr)"


def missing(i: int) -> tuple:
    return f"s{i}", f"spectra/gone{i}.csv", f"p{i // 2}", TYPES[i // 2 % 3]


def shared(i: int) -> tuple:
    return f"s{i}", f"spectra/{i % N_FILES}.csv", f"p{i % N_FILES}", TYPES[i % N_FILES % 3]


def split(i: int) -> tuple:
    return f"s{i}", f"spectra/{i % N_FILES}.csv", f"p{i}", TYPES[i % 3]


def wrong(i: int) -> tuple:
    return f"s{i // 2}", f"../{i}.csv", f"p{i // 4}", ("UV", "uvv", "", f"class {i}")[i % 4]


TABLES = {
    "files that are not there": missing,
    "files that rows share": shared,
    "files that specimens share": split,
    "names, files and classes wrong": wrong,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    args = parser.parse_args()
    rng, over = np.random.default_rng(0), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "spectra").mkdir()
        for i in range(N_FILES):
            band = 0.5 * np.exp(-(((GRID - 1720) / 15) ** 2)) + rng.normal(0, 0.001, GRID.size)
            write_spectrum(folder / f"spectra/{i}.csv", GRID, band.round(5))
        for what, row in TABLES.items():
            lines = (",".join(row(i)) for i in range(args.rows))
            (folder / "manifest.csv").write_text("\n".join(["sample_id,spectrum,specimen_id,aging_type", *lines]))
            run = subprocess.run([sys.executable, "-c", CALL, name], capture_output=True, text=True)
            seconds, megabytes = json.loads(run.stderr.splitlines()[-1])
            bad = seconds > LIMIT_S or len(run.stdout) > LIMIT_CHARACTERS
            mark = "  <-- over" if bad else ""
            over += bad
            print(f"{what:32s} {seconds:5.1f} s {megabytes:5.0f} MB {len(run.stdout):7d} characters{mark}", flush=True)
    print(f"{args.rows} rows: {over} over {LIMIT_S} s or {LIMIT_CHARACTERS} characters")
    return bool(over)


if __name__ == "__main__":
    sys.exit(main())
