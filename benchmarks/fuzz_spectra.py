"""Damage FT-IR files at random and read them: `python benchmarks/fuzz_spectra.py [--n 20000] [--seed 0] [--keep DIR]`
prints count and findings"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from spectra_files import damage, random_edits, seeds
from test_fuzz_spectra import Hang, peak_megabytes, timed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20_000, help="damaged files in all, shared among the formats")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that were findings")
    args = parser.parse_args()
    files, findings, slowest = seeds(), [], 0.0
    each = -(-args.n // len(files))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        for form, whole in files.items():
            for raw in whole:
                path.write_bytes(raw)
                timed(path)
            before, rng, seen = peak_megabytes(), random.Random(f"{args.seed} {form}"), Counter()
            for i in range(each):
                raw = damage(rng.choice(whole), random_edits(rng))
                path.write_bytes(raw)
                start = time.perf_counter()
                try:
                    timed(path)
                    seen["fine"] += 1
                except (Exception, Hang) as error:
                    findings.append(f"{form} {i}: {type(error).__name__}: {error}")
                    if args.keep:
                        args.keep.mkdir(parents=True, exist_ok=True)
                        (args.keep / f"{form.replace(' ', '_')}_{i}").write_bytes(raw)
                slowest = max(slowest, time.perf_counter() - start)
            print(
                f"{form:15s} {each} damaged files, {each - seen['fine']} findings, "
                f"memory +{peak_megabytes() - before:.0f} MB, slowest so far {slowest:.2f} s",
                flush=True,
            )
    print(
        f"{each * len(files)} damaged files of {len(files)} formats, seed {args.seed}: {len(findings)} findings",
        *findings[:50],
        sep="\n",
    )
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
