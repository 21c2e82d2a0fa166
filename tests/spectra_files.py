"Small FT-IR files of every format, written byte by byte, and ways to damage them"

import io
import random
import struct
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHARED = next((p / "shared/data/ftir_files" for p in ROOT.parents if (p / "shared/data/ftir_files").is_dir()), None)
WN = np.arange(4000.0, 599.0, -8.0)
BANDS = ((2916, 1.0), (2848, 0.86), (1464, 0.24), (719, 0.3))  # cm⁻¹, height
AB = 0.02 + sum(h * np.exp(-(((WN - pos) / 20) ** 2)) for pos, h in BANDS)


def parameter(value):
    "Bytes and type code of an OPUS parameter"
    if isinstance(value, int):
        return struct.pack("<i", value), 0
    if isinstance(value, float):
        return struct.pack("<d", value), 1
    return value.encode() + b"\0" * (2 - len(value) % 2), 2


def parameters(**values):
    "An OPUS parameter block"
    out = b""
    for name, value in values.items():
        body, kind = parameter(value)
        out += name.encode() + b"\0" + struct.pack("<2h", kind, len(body) // 2) + body
    out += b"END\0" + bytes(4)
    return out + bytes(-len(out) % 4)


def opus(x=WN, y=AB, series=0):
    "A Bruker OPUS file with a single beam and an absorbance, or a series of absorbances"
    common = dict(DPF=1, NPT=len(x), FXV=float(x[0]), LXV=float(x[-1]), CSF=1.0, DXU="WN")
    y = np.asarray(y, "<f4")
    if series:
        body = struct.pack("<6i", 0, series, 24, 4 * len(x), 8, 0) + (y.tobytes() + bytes(8)) * series
        blocks = [(15 | 4 << 10 | 2 << 19, body), (15 | 1 << 4 | 4 << 10 | 2 << 19, parameters(**common))]
    else:
        extremes = dict(MXY=float(y.max()), MNY=float(y.min()))
        blocks = [
            (7 | 1 << 10, y.tobytes()),
            (7 | 1 << 4 | 1 << 10, parameters(**common)),
            (15 | 4 << 10, y.tobytes()),
            (15 | 1 << 4 | 4 << 10, parameters(**common, **extremes)),
        ]
    blocks.append((15 | 10 << 4, parameters(SNM="drawn", RES=4.0)))
    return opus_file(blocks)


def opus_file(blocks):
    "An OPUS file of (type code, content)"
    place, directory, body = 24 + 12 * (len(blocks) + 1), b"", b""
    for kind, content in blocks:
        directory += struct.pack("<3i", kind, len(content) // 4, place + len(body))
        body += content
    head = b"\n\n\xfe\xfe" + struct.pack("<d3i", 920622.0, 24, len(blocks) + 1, len(blocks))
    return head + directory + bytes(12) + body


def omnic(spectra=((WN, AB),)):
    "A Thermo OMNIC file, SPA or SPG, in %T"
    head, rows, body, start = bytearray(304), b"", b"", 304 + 16 * (2 * len(spectra) + 1)
    head[:18] = b"Spectral Data File"
    for x, y in spectra:
        part, values = bytearray(224), (100 * 10**-y).astype("<f4").tobytes()
        struct.pack_into("<IBxxxBxxx2f", part, 4, len(x), 1, 16, x[0], x[-1])
        place = start + len(body)
        rows += struct.pack("<BBII6x", 2, 0, place, len(part))
        rows += struct.pack("<BBII6x", 3, 0, place + len(part), len(values))
        body += bytes(part) + values
    struct.pack_into("<H", head, 294, 2 * len(spectra))
    return bytes(head) + rows + bytes(16) + body


def spc_numbers(order, exponent):
    "The values of an SPC file: floating point, or integers with a common power of two"
    if exponent == -128:
        return AB.astype(f"{order}f4").tobytes()
    return np.rint(AB * 2.0 ** (32 - exponent)).astype(f"{order}i4").tobytes()


def old_spc(exponent):
    "A Galactic SPC file of version 0x4D"
    swapped = np.frombuffer(spc_numbers("<", exponent), "<u2").reshape(-1, 2)[:, ::-1].tobytes()
    head = struct.pack("<BBhfffBB", 0, 0x4D, exponent, len(WN), WN[0], WN[-1], 1, 2)
    return head.ljust(256, b"\0") + swapped


def spc(version=0x4B, own_axis=False, many=1, exponent=2):
    "A Galactic SPC file of one version, in integers with a common power of two, or floating point"
    if version == 0x4D:
        return old_spc(exponent)
    order = ">" if version == 0x4C else "<"
    axis = WN.astype(f"{order}f4").tobytes() if own_axis else b""
    heads = [struct.pack(f"{order}BbHfffIIf4x", 0, exponent, i, 0, 0, 0, len(WN), 0, 0) for i in range(many)]
    bodies = [head + axis + spc_numbers(order, exponent) for head in heads]
    places = np.cumsum([512] + [len(body) for body in bodies])
    n, directory = len(WN), b""
    if own_axis:
        n, rows = places[-1], zip(places[:-1], bodies, strict=True)
        directory = b"".join(struct.pack(f"{order}IIf", place, len(body), 0) for place, body in rows)
    flags = 4 * (many > 1) | 192 * own_axis
    head = struct.pack(f"{order}BBBbIddIBB", flags, version, 4, exponent, n, WN[0], WN[-1], many, 1, 2)
    return head.ljust(512, b"\0") + b"".join(bodies) + directory


def pe_block(number, content):
    "A block of a PerkinElmer file"
    return struct.pack("<hi", number, len(content)) + content


def pe_text(value):
    "The content of a text block of a PerkinElmer file"
    return struct.pack("<hh", 29987, len(value)) + value


def perkinelmer():
    "A PerkinElmer SP file in %T"
    y = (100 * 10**-AB).astype("<f8").tobytes()
    members = (
        pe_block(-29838, struct.pack("<h2d", 29981, WN[0], WN[-1]))
        + pe_block(-29836, struct.pack("<hd", 29980, WN[1] - WN[0]))
        + pe_block(-29835, struct.pack("<hi", 29995, len(WN)))
        + pe_block(-29833, pe_text(b"cm-1"))
        + pe_block(-29832, pe_text(b"%T"))
        + pe_block(-29828, struct.pack("<hi", 29974, len(y)) + y)
    )
    description = b"2D constant interval DataSet file".ljust(40, b"\0")
    return b"PEPE" + description + struct.pack("<hi", 120, len(members)) + members


def pseudo_digits(value, letters):
    "An integer whose sign and first digit are one letter; `letters` stand for 0 … 9, −1 … −9"
    digit = int(str(abs(value))[0])
    return letters[digit + 9 if value < 0 else digit] + str(abs(value))[1:]


def jcamp_line(form, y, i):
    "The line of a JCAMP-DX table that begins with point `i`"
    if form == "AFFN":
        return f"{WN[i]:g} " + " ".join(map(str, y[i : i + 8]))
    first = i - int(i > 0)  # a line of differences begins with the last value of the line before
    start = f"{WN[first]:g}" + pseudo_digits(y[first], "@ABCDEFGHIabcdefghi")
    return start + "".join(pseudo_digits(step, "%JKLMNOPQRjklmnopqr") for step in np.diff(y[first : i + 8]))


def jcamp(form="AFFN", unit="ABSORBANCE"):
    "A JCAMP-DX file, plain, in pairs, or in differences"
    y = np.rint(AB * 1e6).astype(int)
    head = f"""##TITLE=drawn
##JCAMP-DX=4.24
##DATA TYPE=INFRARED SPECTRUM
##XUNITS=1/CM
##YUNITS={unit}
##FIRSTX={WN[0]}
##LASTX={WN[-1]}
##XFACTOR=1
##YFACTOR=1e-6
##NPOINTS={len(y)}
"""
    if form == "PAIRS":
        head += "##XYPOINTS=(XY..XY)\n"
        lines = [f"{a:g},{b}" for a, b in zip(WN, y, strict=True)]
    else:
        head += "##XYDATA=(X++(Y..Y))\n"
        lines = [jcamp_line(form, y, i) for i in range(0, len(y), 8)]
    return (head + "\n".join(lines) + "\n##END=\n").encode()


def compound():
    "A JCAMP-DX file of two blocks"
    head = b"##TITLE=two\n##JCAMP-DX=4.24\n##DATA TYPE=LINK\n##BLOCKS=2\n"
    return head + jcamp("DIF") + jcamp("AFFN") + b"##END=\n"


def table(head="cm-1,A", mark=",", decimal=".", columns=1):
    "Columns of text in one dialect"
    cells = ([f"{x:g}", *(f"{y / (i + 1):.5f}" for i in range(columns))] for x, y in zip(WN, AB, strict=True))
    rows = [mark.join(row).replace(".", decimal) for row in cells]
    return "\n".join([head, *rows]).encode()


def by_row():
    "A table with the axis in its header and one spectrum a row"
    rows = ["name;" + ";".join(f"{x:g}" for x in WN)]
    rows += [f"s{i};" + ";".join(f"{y / i:.5f}" for y in AB) for i in (1, 2)]
    return "\n".join(rows).encode()


def rows_around():
    "A table with one spectrum a row, columns on both sides and letters before the numbers"
    rows = ["name," + ",".join(f"X{x:g}" for x in WN) + ",polymer,size"]
    rows += [f's{i},{",".join(f"{y / i:.5f}" for y in AB)},"PE, film",{i}' for i in (1, 2, 3)]
    return "\n".join(rows).encode()


def long_table():
    "A table with one point a row"
    rows = ["sample_id,wavenumber,absorbance,polymer"]
    rows += [f"s{i},{x:g},{y / i:.5f},PE" for i in (1, 2) for x, y in zip(WN, AB, strict=True)]
    return "\n".join(rows).encode()


def value_list():
    "A list of values below the ends of their axis"
    head = [
        "Spectra Data File",
        f"StartWavenumber {WN[0]:g}",
        f"EndWavenumber {WN[-1]:g}",
        f"Points {len(WN)}",
        "Absorbance",
    ]
    return "\n".join([*head, *(f"{y:.5f}" for y in AB)]).encode()


def workbook():
    "An Excel workbook of two sheets, or nothing where openpyxl is not installed"
    try:
        import openpyxl
    except ImportError:
        return []
    book, content = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["measured by", "Ada"])
    sheet = book.create_sheet("Spectra")
    for row in zip(
        ["cm-1", *WN.tolist()], ["film", *AB.round(5).tolist()], ["worn", *(AB / 2).round(5).tolist()], strict=True
    ):
        sheet.append(row)
    book.save(content)
    return [content.getvalue()]


def asp():
    "An Agilent ASP file"
    return "".join(f"{v:.8g}\n" for v in (len(WN), WN[0], WN[-1], 1, 2, 4, *(AB + 1e-7))).encode()


REAL = {
    "Bruker OPUS": ["opusreader2_mit/issue81_A1.1.0"],
    "Thermo OMNIC": ["openspecy_ccby4/ftir_polyethylene_reflectance_adjustment_not_working.spa"],
    "Galactic SPC": ["openspecy_ccby4/raman_atacamit.spc"],
    "JCAMP-DX": ["jcamp_mit/jtpolysd.jdx", "jcamp_mit/isopropanol_ASDF.jdx"],
    "text": ["openspecy_ccby4/ftir_pva_without_header.csv"],
    "Agilent ASP": ["openspecy_ccby4/ftir_ldpe_soil.asp"],
}


def labelled():
    "Two columns under labels that are no JCAMP-DX"
    head = f"##TITLE=drawn\n##DATA TYPE=INFRARED SPECTRUM\n##XUNITS=1/CM\n##YUNITS=ABSORBANCE\n##NPOINTS={len(WN)}\n"
    return (head + "\n".join(f"{x:g}\t{y:.5f}" for x, y in zip(WN, AB, strict=True)) + "\n").encode()


def made_files():
    "Whole files of each format, written here"
    return {
        "Bruker OPUS": [opus(), opus(series=3)],
        "Thermo OMNIC": [omnic(), omnic(((WN, AB), (WN[::2], AB[::2])))],
        "Galactic SPC": [spc(), spc(0x4C), spc(0x4D), spc(many=3), spc(many=2, own_axis=True), spc(exponent=-128)],
        "PerkinElmer SP": [perkinelmer()],
        "JCAMP-DX": [
            jcamp(),
            jcamp("DIF"),
            jcamp("PAIRS"),
            compound(),
            jcamp("DIF").replace(b"##END=\n", b""),
            labelled(),
        ],
        "text": [table(), table("Wellenzahl;Absorbanz", ";", ","), table("x\ty", "\t"), table("cm-1 Abs", " ")],
        "tables": [table("cm-1;a;b;c", ";", ",", 3), table("cm-1,a,b", columns=2), by_row(), rows_around()],
        "long tables": [long_table()],
        "Agilent ASP": [asp()],
        "lists": [value_list()],
        "Excel": workbook(),
    }


def seeds():
    "Whole files of each format: those written here, and real ones where they are beside the project"
    real = {}
    if SHARED:
        real = {name: [(SHARED / file).read_bytes() for file in files] for name, files in REAL.items()}
    return {name: files + real.get(name, []) for name, files in made_files().items() if files}


NASTY = (
    b"\0",
    b"\xff",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\0\0\xc0\x7f",
    b"\0\0\x80\x7f",
    b"nan",
    b"inf",
    b"1e999",
    b"9999999999",
    b"-1",
    b"##END=",
    b"\n",
    b";",
    b",",
    b"-",
    b"Z999999",
    b"$$",
    b"\xb0",
    b"\r",
)


def edit(raw: bytearray, kind: int, at: int, number: int):
    "One edit: 0 a byte, 1 a nasty value, 2 a cut, 3 an insertion, 4 a deletion, 5 a repetition, 6 an exchange"
    size, nasty = 1 + number % 64, NASTY[number % len(NASTY)]
    if kind == 0 and raw:
        raw[min(at, len(raw) - 1)] = number % 256
    elif kind == 1:
        raw[at : at + len(nasty)] = nasty
    elif kind == 2:
        del raw[at:]
    elif kind == 3:
        raw[at:at] = nasty * (1 + number % 3)
    elif kind == 4:
        del raw[at : at + size]
    elif kind == 5:
        raw[at:at] = raw[at : at + size] * (1 + number % 4)
    else:
        raw[at : at + size] = raw[-size - number % 997 :][:size]


def damage(raw: bytes, edits) -> bytes:
    "A file after edits (kind 0–6, see `edit`; place 0–1; number)"
    raw = bytearray(raw)
    for kind, place, number in edits:
        share = place**3 if number % 2 else place  # half of them towards the header
        edit(raw, kind, int(share * len(raw)), number)
    return bytes(raw)


def random_edits(rng: random.Random):
    "Edits for `damage`, mostly one or two"
    count = rng.choice((1, 1, 1, 2, 2, 3, 6))
    return [(rng.randrange(7), rng.random(), rng.randrange(1 << 32)) for _ in range(count)]
