"""Reading 1000 OPUS and 1000 SPA files against the bare library, as a ratio: `python benchmarks/read_files.py [--n
1000]`"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import brukeropus
from spectra_files import REAL, SHARED, omnic, opus
from spectrochempy_omnic import OMNICReader

from microplastic_aging.spectra.core import read_spectra

OUT = Path(__file__).resolve().parents[1] / "microplastic_aging/assets/results/speed_read.json"


def per_file(read, path, n):
    "Milliseconds a file, the best of three rounds"
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(n):
            read(path)
        rounds.append(1e3 * (time.perf_counter() - start) / n)
    return min(rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000)
    n = max(parser.parse_args().n // 3, 1)
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name, made, bare, real in (
            ("Bruker OPUS", opus(), lambda p: brukeropus.read_opus(p), "openspecy_ccby4/ftir_ps.0"),
            ("Thermo OMNIC", omnic(), lambda p: OMNICReader(p), REAL["Thermo OMNIC"][0]),
        ):
            path = Path(folder) / f"file.{'spa' if name == 'Thermo OMNIC' else '0'}"
            path.write_bytes((SHARED / real).read_bytes() if SHARED else made)
            read_spectra(path)
            bare(path)  # imports first
            ours, theirs = per_file(read_spectra, path, n), per_file(bare, path, n)
            rows.append(
                dict(
                    format=name,
                    file="real" if SHARED else "made",
                    bytes=path.stat().st_size,
                    reads=3 * n,
                    ms_per_file=ours,
                    ms_bare=theirs,
                    ratio=ours / theirs,
                    wanted=1.3,
                )
            )
            print(
                f"{name:13s} {'real' if SHARED else 'made'} file of {path.stat().st_size:,} bytes, {3 * n} reads each: "
                f"read_spectra {ours:.2f} ms, bare library {theirs:.2f} ms, ratio {ours / theirs:.2f}",
                flush=True,
            )

    result = dict(
        command="python benchmarks/read_files.py " + " ".join(sys.argv[1:]),
        clock="best of three rounds, wall clock",
        rows=rows,
        machine=f"{platform.machine()}, {os.cpu_count()} cores",
        versions={p: version(p) for p in ("brukeropus", "spectrochempy-omnic", "numpy")},
    )
    OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
