"""Read 50 MB of text that nobody meant: `python benchmarks/big_text.py [--megabytes 50] [--only WORD]` prints CPU
seconds, memory and verdict of each file, and counts those over 5 s, over 1 GB, or without a typed error"""

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

LIMIT_S, LIMIT_MB = 5.0, 1000
LINES = 999_900  # As many lines, and lines as long, as are still read
WAVENUMBERS = np.arange(600, 4001, 4)
WORKBOOK = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/sharedStrings.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
    'Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://'
    'schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="a" sheetId="1" r:id="rId1"/>'
    "</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/'
    '2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
}
SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
STRINGS = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'


def repeated(piece: str, size: int) -> str:
    "A text of about `size` characters"
    return piece * (size // len(piece))


def numbers(count: int, rng) -> list:
    return [f"{value:.5f}" for value in rng.random(count)]


def workbook(size: int, sheet: str = "", string: str = "") -> bytes:
    "A workbook that unpacks to about `size` bytes of one repeated piece of its sheet, or of its shared strings"
    parts = dict(WORKBOOK)
    rows = repeated(sheet, size) if sheet else "<row><c><v>1</v></c></row>"
    parts["xl/worksheets/sheet1.xml"] = SHEET + rows + "</sheetData></worksheet>"
    parts["xl/sharedStrings.xml"] = STRINGS + (repeated(string, size) if string else "") + "</sst>"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return content.getvalue()


def parquet(rows: int, columns: int, value: str) -> bytes:
    "A Parquet table of one repeated value, which takes next to no place in the file"
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([value]))
    content = io.BytesIO()
    pq.write_table(pa.table({f"c{i}" if i else "sample_id": column for i in range(columns)}), content)
    return content.getvalue()


def spectra_files(size: int) -> dict:  # Name -> function that gives the content
    "Files for the readers of spectra"
    rng = np.random.default_rng(0)
    some = numbers(1000, rng)
    row, many = ",".join(some[:850]), ",".join(["1.5"] * 200_000)
    wide = size // (8 * 851)

    def columns():
        cells = [",".join(some[(i + j) % 1000] for j in range(100)) for i in range(10)]
        hundreds = range(wide // 100)
        lines = [f"{wn}," + ",".join(cells[(i + k) % 10] for k in hundreds) for i, wn in enumerate(WAVENUMBERS)]
        names = ",".join(["wavenumber", *(f"s{k}" for k in range(wide // 100 * 100))])
        return "\n".join([names, *lines])

    def rows():
        head = "sample," + ",".join(map(str, WAVENUMBERS[:850]))
        return "\n".join([head, *(f"s{i},{row}" for i in range(wide))])

    def long():
        lines = (f"s{i // 851},{WAVENUMBERS[i % 851]},{some[i % 1000]}" for i in range(size // 20))
        return "sample,wavenumber,absorbance\n" + "\n".join(lines)

    head = "##TITLE=a\n##JCAMP-DX=4.24\n##DATA TYPE=INFRARED SPECTRUM\n##XUNITS=1/CM\n##YUNITS=ABSORBANCE\n"

    def jcamp():
        n = size // 14
        axis = f"##FIRSTX=600\n##LASTX=4000\n##NPOINTS={n}\n##XFACTOR=1\n##YFACTOR=1\n##XYPOINTS=(XY..XY)\n"
        return head + axis + "\n".join(f"{600 + 3400 * i / n:.3f} 0.1234" for i in range(n)) + "\n##END=\n"

    return {
        "spectra in columns": columns,
        "spectra in rows": rows,
        "spectra point by point": long,
        "two columns": lambda: "".join(f"{600 + 3400 * i / (size // 16):.4f},0.12345\n" for i in range(size // 16)),
        "two columns, one cell of words": lambda: repeated("1000.25,0.12345\n", size - 99) + "here,are,words\n" * 3,
        "two columns of integers": lambda: repeated("1000,1\n", size),
        "one line of numbers": lambda: ",".join(some) + repeated(",0.12345", size),
        "one line of rising numbers": lambda: ",".join(map(str, range(600, 600 + size // 8))) + "\n1,2\n",
        "one line of letters": lambda: repeated("a", size),
        "one line of digits": lambda: repeated("1", size),
        "one line of blanks": lambda: "1" + repeated(" ", size) + "1",
        "one line of commas": lambda: repeated(",", size),
        "one line of commas, then numbers": lambda: repeated(",", size) + "\n" + "1,2\n" * 20,
        "one line of quotes": lambda: repeated('"', size),
        "one line of quoted cells": lambda: repeated('"a,b",', size),
        "an open quote": lambda: '"' + repeated("1,2\n", size),
        "one line of remarks": lambda: "#" + repeated(" a", size),
        "lines of remarks": lambda: repeated("# a remark\n", size),
        "remarks between rows": lambda: repeated("# a remark\n1000,2\n", size),
        "lines of prose": lambda: repeated("Lorem ipsum dolor 12 sit 13 amet.\n", size),
        "empty lines": lambda: repeated("\n", size) + "1,2\n" * 20,
        "lines of one letter": lambda: repeated("a\n", size),
        "lines of one number": lambda: repeated("0.123\n", size),
        "a list of values": lambda: "first 600\nlast 4000\npoints 99\n" + repeated("0.123\n", size),
        "an Agilent list": lambda: f"{size // 6}\n600\n4000\n1\n2\n3\n" + repeated("0.123\n", size),
        "200 000 columns": lambda: "\n".join([",".join(["x"] * 200_000), *[many] * (size // 800_000)]),
        "200 000 columns of an axis": lambda: "\n".join(
            [",".join(map(str, range(600, 200_600))), *[many] * (size // 800_000)]
        ),
        "cells of 200 kB": lambda: repeated("1000," + "x" * 200_000 + "\n", size),
        "cells of 200 kB of digits": lambda: repeated("1000," + "1" * 200_000 + "\n", size),
        "a name of 200 kB": lambda: "wavenumber," + "n" * 200_000 + "\n" + repeated("1000,0.1\n", size),
        "a million points of two columns": lambda: "".join(f"{600 + i / 400:.4f},0.12345\n" for i in range(LINES)),
        "a million points, one a line": lambda: long()[: 16 * LINES],
        "a million lines of remarks": lambda: "# a remark of some length about the lamp\n" * LINES,
        "a million remarks between rows": lambda: "# a remark\n1000,2\n" * (LINES // 2),
        "a million lines of prose": lambda: "Lorem ipsum dolor 12 sit 13 amet, consectetur\n" * LINES,
        "a million lines of a letter": lambda: "a\n" * LINES,
        "a million lines of a number": lambda: "0.123\n" * LINES,
        "a million empty lines": lambda: "\n" * LINES + "1,2\n" * 20,
        "a million values of a list": lambda: "first 600\nlast 4000\npoints 99\n" + "0.123\n" * LINES,
        "a million quoted rows": lambda: '"1000","0.1"\n' * LINES,
        "a million open quotes": lambda: '"a\n' * LINES,
        "a million labels of JCAMP": lambda: "##A=1\n" * LINES,
        "a million titles of JCAMP": lambda: "##TITLE=1\n" * LINES,
        "a million labelled lines": lambda: "Name: value\n" * LINES,
        "long lines of numbers": lambda: repeated(",".join(some * 125)[: LINES - 1] + "\n", size),
        "long lines of letters": lambda: repeated("a" * (LINES - 1) + "\n", size),
        "long lines of words": lambda: repeated("a " * (LINES // 2 - 1) + "\n", size),
        "long lines of quotes": lambda: repeated('"' * (LINES - 1) + "\n", size),
        "long lines of quoted cells": lambda: repeated('"a,b",' * (LINES // 6 - 1) + "\n", size),
        "long lines of remarks": lambda: repeated("#" + " a" * (LINES // 2 - 1) + "\n", size),
        "JCAMP of points": jcamp,
        "JCAMP of labels": lambda: repeated("##A=1\n", size),
        "JCAMP of titles": lambda: repeated("##TITLE=1\n", size),
        "JCAMP of repeats": lambda: (
            head
            + "##FIRSTX=600\n##LASTX=4000\n##NPOINTS=99\n##XFACTOR=1\n##YFACTOR=1\n##XYDATA=(X++(Y..Y))\n600"
            + repeated("%9Z", size)
        ),
        "labelled text": lambda: repeated("Name: value\n", size),
        "UTF-16": lambda: ("\ufeff" + repeated("1000,0.1\n", size // 2)).encode("utf-16-le"),
        "zeros": lambda: bytes(size),
        "noise": lambda: rng.integers(0, 256, size, np.uint8).tobytes(),
        "noise behind the mark of a workbook": lambda: b"PK\x03\x04" + rng.integers(0, 256, size, np.uint8).tobytes(),
        "a workbook of 900 MB of cells": lambda: workbook(900_000_000, "<row><c><v>1000</v></c><c><v>1</v></c></row>"),
        "a workbook of one long row": lambda: workbook(size, "<c><v>1000</v></c>"),
        "a workbook of 900 MB of strings": lambda: workbook(900_000_000, "", "<si><t>abc</t></si>"),
        "a workbook of 9 GB": lambda: workbook(3_000_000_000, " "),
        "gzip": lambda: b"\x1f\x8b" + bytes(size),
    }


def tables(size: int) -> dict:
    "Files for the reader of manifests"
    head = "sample_id,spectrum,specimen_id,aging_type\n"
    wide = [",".join(["x"] * 200_000)] * (size // 400_000)
    return {
        "manifest.csv of rows": lambda: head + "".join(f"s{i},spectra/{i}.csv,p{i},uv\n" for i in range(size // 36)),
        "manifest.csv of one line": lambda: repeated("sample_id,", size),
        "manifest.csv of one cell": lambda: head + repeated("a", size),
        "manifest.csv of an open quote": lambda: head + '"' + repeated("a,b\n", size),
        "manifest.csv of 200 000 columns": lambda: "\n".join([",".join(f"c{i}" for i in range(200_000)), *wide]),
        "manifest.csv of 200 000 cells": lambda: "\n".join(["sample_id,spectrum", *wide]),
        "manifest.csv of cells of 200 kB": lambda: head + repeated("s," + "x" * 200_000 + ",p,uv\n", size),
        "manifest.csv of quotes": lambda: repeated('"', size),
        "manifest.csv of line ends": lambda: head + repeated("\n", size),
        "manifest.csv of commas": lambda: head + repeated(",,,,,,,,,\n", size),
        "manifest.csv of one row": lambda: head + "a,b,c" + repeated(",", size),
        "manifest.xlsx of 900 MB of cells": lambda: workbook(900_000_000, "<row><c><v>1</v></c><c><v>1</v></c></row>"),
        "manifest.xlsx of 900 MB of strings": lambda: workbook(900_000_000, "", "<si><t>abc</t></si>"),
        "manifest.xlsx of 9 GB": lambda: workbook(3_000_000_000, " "),
        "manifest.parquet of 100 million rows": lambda: parquet(100_000_000, 2, "a"),
        "manifest.parquet of 1 GB of text": lambda: parquet(100_000, 2, "x" * 10_000),
        "manifest.parquet of 20 000 columns": lambda: parquet(10, 20_000, "a"),
        "manifest.parquet of noise": lambda: b"PAR1" + bytes(size) + b"PAR1",
        "provenance.json, deep": lambda: repeated("[", size),
        "provenance.json, wide": lambda: "[" + repeated("1,", size) + "1]",
        "provenance.json of objects": lambda: "[" + repeated('{"a":[]},', size) + "1]",
        "provenance.json of one number": lambda: repeated("1", size),
        "scheme.csv of rows": lambda: "class,chemical,uv,physical\n" + repeated("a,1,0,0\n", size),
        "scheme.csv of one line": lambda: repeated("class,", size),
        "scheme.csv of a long cell": lambda: "class,chemical,uv,physical\n" + "a" * 200_000 + ",1,0,0\nb,0,0,0\n",
    }


def read(path: Path):
    "Read one file in this process, and say how it went"
    from microplastic_aging.aging import InputError, read_scheme
    from microplastic_aging.data.manifest import read_provenance
    from microplastic_aging.data.names import recognise
    from microplastic_aging.data.table import problem_table, read_table

    start = time.process_time()
    try:
        if path.name.startswith(("manifest", "provenance")):
            is_table = path.name.startswith("manifest")
            table, problems = read_table(path) if is_table else read_provenance(path.parent)
            problem_table(problems)
            such = f", such as {str(problems[0].problem)[:60]}" if problems else ""
            verdict = f"{len(table)} rows, {len(problems)} problems{such}"
        elif path.name.startswith("scheme"):
            verdict = f"scheme of {read_scheme(path).n} classes"
        else:
            content = recognise(path, path.parent.resolve(), None)
            verdict = f"{content.kind}, {content.n_spectra} spectra {content.reason[:80]}"
    except InputError as error:
        verdict = f"refused: {str(error).replace(str(path.parent), '')[:150]}"
    except BaseException as error:
        verdict = f"UNTYPED {type(error).__name__}: {str(error)[:100]}"
    seconds = time.process_time() - start
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    megabytes = int(peak.split()[1]) / 1000  # of this program alone, not of the one that started it
    print(json.dumps([seconds, megabytes, " ".join(verdict.split())]))


def attempt(name: str, make, folder: Path) -> bool:  # Whether it stays within the limits
    "Write a file, read it in a process of its own, and say how that went"
    word = name.split(" ")[0].strip(",")
    path = folder / (word if "." in word else "file")
    content = make()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    size = path.stat().st_size / 1e6
    del content
    try:
        call = [sys.executable, __file__, "--read", str(path)]
        run = subprocess.run(call, capture_output=True, text=True, timeout=100)
        seconds, megabytes, verdict = json.loads(run.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        seconds, megabytes, verdict = 100, np.nan, "UNTYPED hang"
    except (IndexError, ValueError):
        seconds, megabytes, verdict = np.nan, np.nan, f"UNTYPED ended with {run.returncode}: {run.stderr[-200:]!r}"
    fine = seconds <= LIMIT_S and megabytes <= LIMIT_MB and "UNTYPED" not in verdict
    mark = "" if fine else "  <-- over"
    print(f"{name:40s} {size:6.1f} MB {seconds:6.2f} s {megabytes:6.0f} MB  {verdict}{mark}", flush=True)
    for left in folder.iterdir():
        left.unlink()
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--only", default="", help="a word in the name of the files to try")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        return read(args.read)
    size = args.megabytes * 1_000_000
    files = spectra_files(size) | tables(size)
    chosen = {name: make for name, make in files.items() if args.only in name}
    with tempfile.TemporaryDirectory() as folder:
        over = [name for name, make in chosen.items() if not attempt(name, make, Path(folder))]
    limits = f"{LIMIT_S:g} s or {LIMIT_MB} MB"
    print(f"{len(chosen)} files of up to {args.megabytes} MB: {len(over)} over {limits}, or untyped")
    return bool(over)


if __name__ == "__main__":
    sys.exit(main())
