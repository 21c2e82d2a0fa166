"Small FT-IR files of every format, written byte by byte, and ways to damage them; shared by the fuzzing test and the scripts in benchmarks/"

import random
import struct
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHARED = next((p / "shared/data/ftir_files" for p in ROOT.parents if (p / "shared/data/ftir_files").is_dir()), None)
WN = np.arange(4000.0, 599.0, -8.0)
AB = 0.02 + sum(
    h * np.exp(-(((WN - pos) / 20) ** 2)) for pos, h in ((2916, 1.0), (2848, 0.86), (1464, 0.24), (719, 0.3))
)


def parameters(**values):
    "An OPUS parameter block"
    out = b""
    for name, value in values.items():
        body, kind = (
            (struct.pack("<i", value), 0)
            if isinstance(value, int)
            else (struct.pack("<d", value), 1)
            if isinstance(value, float)
            else (value.encode() + b"\0" * (2 - len(value) % 2), 2)
        )
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
        blocks = [
            (7 | 1 << 10, y.tobytes()),
            (7 | 1 << 4 | 1 << 10, parameters(**common)),
            (15 | 4 << 10, y.tobytes()),
            (15 | 1 << 4 | 4 << 10, parameters(**common, MXY=float(y.max()), MNY=float(y.min()))),
        ]
    blocks.append((15 | 10 << 4, parameters(SNM="drawn", RES=4.0)))
    place, directory, body = 24 + 12 * (len(blocks) + 1), b"", b""
    for kind, content in blocks:
        directory += struct.pack("<3i", kind, len(content) // 4, place + len(body))
        body += content
    return (
        b"\n\n\xfe\xfe" + struct.pack("<d3i", 920622.0, 24, len(blocks) + 1, len(blocks)) + directory + bytes(12) + body
    )


def omnic(spectra=((WN, AB),)):
    "A Thermo OMNIC file, SPA or SPG, in %T"
    head, rows, body, place = bytearray(304), b"", b"", 304 + 16 * (2 * len(spectra) + 1)
    head[:18] = b"Spectral Data File"
    for x, y in spectra:
        part, values = bytearray(224), (100 * 10**-y).astype("<f4").tobytes()
        struct.pack_into("<IBxxxBxxx2f", part, 4, len(x), 1, 16, x[0], x[-1])
        rows += struct.pack("<BBII6x", 2, 0, place + len(body), len(part)) + struct.pack(
            "<BBII6x", 3, 0, place + len(body) + len(part), len(values)
        )
        body += bytes(part) + values
    struct.pack_into("<H", head, 294, 2 * len(spectra))
    return bytes(head) + rows + bytes(16) + body


def spc(version=0x4B, own_axis=False, many=1, exponent=2):
    "A Galactic SPC file of one version, in integers with a common power of two, or floating point"
    order = ">" if version == 0x4C else "<"
    numbers = (
        AB.astype(f"{order}f4") if exponent == -128 else np.rint(AB * 2.0 ** (32 - exponent)).astype(f"{order}i4")
    ).tobytes()
    if version == 0x4D:
        swapped = np.frombuffer(numbers, "<u2").reshape(-1, 2)[:, ::-1].tobytes()
        return struct.pack("<BBhfffBB", 0, version, exponent, len(WN), WN[0], WN[-1], 1, 2).ljust(256, b"\0") + swapped
    axis = WN.astype(f"{order}f4").tobytes() if own_axis else b""
    bodies = [
        struct.pack(f"{order}BbHfffIIf4x", 0, exponent, i, 0, 0, 0, len(WN), 0, 0) + axis + numbers for i in range(many)
    ]
    places = np.cumsum([512] + [len(b) for b in bodies])
    directory = b"".join(struct.pack(f"{order}IIf", p, len(b), 0) for p, b in zip(places, bodies)) if own_axis else b""
    head = struct.pack(
        f"{order}BBBbIddIBB",
        4 * (many > 1) | 192 * own_axis,
        version,
        4,
        exponent,
        places[-1] if own_axis else len(WN),
        WN[0],
        WN[-1],
        many,
        1,
        2,
    )
    return head.ljust(512, b"\0") + b"".join(bodies) + directory


def perkinelmer():
    "A PerkinElmer SP file in %T"

    def block(number, content):
        return struct.pack("<hi", number, len(content)) + content

    def text(value):
        return struct.pack("<hh", 29987, len(value)) + value

    y = (100 * 10**-AB).astype("<f8").tobytes()
    members = (
        block(-29838, struct.pack("<h2d", 29981, WN[0], WN[-1]))
        + block(-29836, struct.pack("<hd", 29980, WN[1] - WN[0]))
        + block(-29835, struct.pack("<hi", 29995, len(WN)))
        + block(-29833, text(b"cm-1"))
        + block(-29832, text(b"%T"))
        + block(-29828, struct.pack("<hi", 29974, len(y)) + y)
    )
    return (
        b"PEPE"
        + b"2D constant interval DataSet file".ljust(40, b"\0")
        + struct.pack("<hi", 120, len(members))
        + members
    )


def jcamp(form="AFFN", unit="ABSORBANCE"):
    "A JCAMP-DX file, plain, in pairs, or in differences"
    y = np.rint(AB * 1e6).astype(int)
    squeezed = dict(zip("@ABCDEFGHIabcdefghi", [*map(str, range(10)), *(f"-{i}" for i in range(1, 10))]))
    letters = {
        "SQZ": {v: k for k, v in squeezed.items()},
        "DIF": {v: k for k, v in zip("%JKLMNOPQRjklmnopqr", squeezed.values())},
    }

    def pseudo(value, kind):
        return letters[kind][("-" if value < 0 else "") + str(abs(value))[0]] + str(abs(value))[1:]

    def line(i):
        if form == "AFFN":
            return f"{WN[i]:g} " + " ".join(map(str, y[i : i + 8]))
        check = int(i > 0)
        return (
            f"{WN[i - check]:g}"
            + pseudo(y[i - check], "SQZ")
            + "".join(pseudo(d, "DIF") for d in np.diff(y[i - check : i + 8]))
        )

    table = (
        "\n".join(f"{a:g},{b}" for a, b in zip(WN, y)) if form == "PAIRS" else "\n".join(map(line, range(0, len(y), 8)))
    )
    head = f"##TITLE=drawn\n##JCAMP-DX=4.24\n##DATA TYPE=INFRARED SPECTRUM\n##XUNITS=1/CM\n##YUNITS={unit}\n##FIRSTX={WN[0]}\n##LASTX={WN[-1]}\n##XFACTOR=1\n##YFACTOR=1e-6\n##NPOINTS={len(y)}\n"
    return (
        head + ("##XYPOINTS=(XY..XY)\n" if form == "PAIRS" else "##XYDATA=(X++(Y..Y))\n") + table + "\n##END=\n"
    ).encode()


def compound():
    "A JCAMP-DX file of two blocks"
    return b"##TITLE=two\n##JCAMP-DX=4.24\n##DATA TYPE=LINK\n##BLOCKS=2\n" + jcamp("DIF") + jcamp("AFFN") + b"##END=\n"


def table(head="cm-1,A", mark=",", decimal=".", columns=1):
    "Columns of text in one dialect"
    rows = (
        mark.join([f"{x:g}", *(f"{y / (i + 1):.5f}" for i in range(columns))]).replace(".", decimal)
        if decimal != "."
        else mark.join([f"{x:g}", *(f"{y / (i + 1):.5f}" for i in range(columns))])
        for x, y in zip(WN, AB)
    )
    return "\n".join([head, *rows]).encode()


def by_row():
    "A table with the axis in its header and one spectrum a row"
    return "\n".join(
        ["name;" + ";".join(f"{x:g}" for x in WN), *(f"s{i};" + ";".join(f"{y / i:.5f}" for y in AB) for i in (1, 2))]
    ).encode()


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


def seeds():
    "Whole files of each format: those written here, and real ones where they are beside the project"
    made = {
        "Bruker OPUS": [opus(), opus(series=3)],
        "Thermo OMNIC": [omnic(), omnic(((WN, AB), (WN[::2], AB[::2])))],
        "Galactic SPC": [spc(), spc(0x4C), spc(0x4D), spc(many=3), spc(many=2, own_axis=True), spc(exponent=-128)],
        "PerkinElmer SP": [perkinelmer()],
        "JCAMP-DX": [jcamp(), jcamp("DIF"), jcamp("PAIRS"), compound()],
        "text": [table(), table("Wellenzahl;Absorbanz", ";", ","), table("x\ty", "\t"), table("cm-1 Abs", " ")],
        "tables": [table("cm-1;a;b;c", ";", ",", 3), table("cm-1,a,b", columns=2), by_row()],
        "Agilent ASP": [asp()],
    }
    real = {name: [(SHARED / file).read_bytes() for file in files] for name, files in REAL.items()} if SHARED else {}
    return {name: files + real.get(name, []) for name, files in made.items()}


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


def damage(raw: bytes, edits) -> bytes:
    "A file after edits (kind 0–6, place 0–1, number): a byte, a nasty value, a cut, an insertion, a deletion, a repetition, an exchange"
    raw = bytearray(raw)
    for kind, place, number in edits:
        at = int((place**3 if number % 2 else place) * len(raw))  # half of them towards the header
        size = 1 + number % 64
        if kind == 0 and raw:
            raw[min(at, len(raw) - 1)] = number % 256
        elif kind == 1:
            raw[at : at + len(NASTY[number % len(NASTY)])] = NASTY[number % len(NASTY)]
        elif kind == 2:
            del raw[at:]
        elif kind == 3:
            raw[at:at] = NASTY[number % len(NASTY)] * (1 + number % 3)
        elif kind == 4:
            del raw[at : at + size]
        elif kind == 5:
            raw[at:at] = raw[at : at + size] * (1 + number % 4)
        else:
            raw[at : at + size] = raw[-size - number % 997 :][:size]
    return bytes(raw)


def random_edits(rng: random.Random):
    "Edits for `damage`, mostly one or two"
    return [(rng.randrange(7), rng.random(), rng.randrange(1 << 32)) for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 6)))]
