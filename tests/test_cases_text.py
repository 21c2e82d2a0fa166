"Text and workbooks as programs and people write them: kinds of trouble, each with variants, and files kept beside it"

import csv
import datetime
import io
import time
from pathlib import Path

import numpy as np
import pytest

from microplastic_aging.spectra.core import read_spectra
from microplastic_aging.spectra.units import SpectrumFormatError

CASES = next((p / "shared/cases" for p in Path(__file__).resolve().parents if (p / "shared/cases").is_dir()), None)
WN = np.arange(650.0, 4001.0, 10)
BANDS = ((2916, 15, 0.9), (2848, 12, 0.7), (1464, 12, 0.3), (719, 10, 0.35))  # cm⁻¹, width, height: polyethylene


def polyethylene(wn=WN):
    "Absorbance of polyethylene, drawn"
    return 0.02 + sum(h * np.exp(-(((wn - place) / width) ** 2)) for place, width, h in BANDS)


PE = polyethylene()
THREE = {"s0": PE, "s1": PE + 0.1, "s2": PE / 2 + 0.01}


def columns(head, wn, *values, mark=",", decimal=".", digits=5):
    "Text of columns"
    rows = (
        mark.join([f"{x:.{digits - 1}f}", *(f"{y:.{digits}f}" for y in ys)]) for x, *ys in zip(wn, *values, strict=True)
    )
    return "\n".join([*head, *(row.replace(".", decimal) for row in rows)]) + "\n"


def rows(before=("sample",), after=(), form="{:g}", spectra=None, mark=",", decimal=".", order=None, words=None):
    "Text of a table with one spectrum a row; `words` of each row by the name of its column"
    spectra = spectra or THREE
    order = np.arange(WN.size) if order is None else order
    words = words or {}
    lines = [mark.join([*before, *(form.format(x) for x in WN[order]), *after])]
    for name, values in spectra.items():
        said = {"sample": name, **{key: each[name] for key, each in words.items()}}
        numbers = [f"{y:.5f}".replace(".", decimal) for y in values[order]]
        lines.append(mark.join([*(said[key] for key in before), *numbers, *(said[key] for key in after)]))
    return "\n".join(lines) + "\n"


def read(folder, content, name="file.csv"):
    "Spectra of content"
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_spectra(path)


def assert_pe(spectrum, wn=WN, values=PE, within=2e-4):
    "The spectrum is that of polyethylene"
    inside = (wn >= 350) & (wn <= 4050)
    assert np.allclose(spectrum.wavenumber, np.sort(wn[inside]), atol=0.06)
    assert np.allclose(spectrum.absorbance, values[inside][np.argsort(wn[inside])], atol=within)


# ---- the files kept beside the project


def kept(name):
    "Spectra of a kept file, or None where it is refused, and the reason"
    if CASES is None or not (CASES / name).is_file():
        pytest.skip("../shared/cases, which holds these files, is not beside this repository")
    try:
        return read_spectra(CASES / name), ""
    except SpectrumFormatError as error:
        return None, error.reason


WAVELENGTHS = {
    "C10_wavelength_header_decimal_comma.csv": (649.9, 4000.6),
    "C10c_wavelength_header_4000_400.csv": (400, 4000),
    "C10h_wavelength_400_7800.csv": (400, 4050),
}


@pytest.mark.parametrize("name", WAVELENGTHS)
def test_kept_wavelengths_that_are_wavenumbers(name):
    ((spectrum,), _) = kept(name)
    assert np.allclose(spectrum.wavenumber[[0, -1]], WAVELENGTHS[name], atol=0.1)
    assert abs(spectrum.wavenumber[spectrum.absorbance.argmax()] - 2916) < 4
    assert any("are wavenumbers; read as cm⁻¹" in flag for flag in spectrum.meta["flags"])


def test_kept_nm_that_are_wavenumbers():
    spectra, reason = kept("C10d_nm_header_but_wavenumbers.csv")
    assert spectra is None and "as wavenumbers do" in reason


@pytest.mark.parametrize("kind", ["b_rows_meta_after", "f_rows_header_X_prefix", "g_rows_trailing_commas"])
def test_kept_tables_of_rows(kind):
    spectra, _ = kept(f"C13{kind}.csv")
    assert [one.meta["title"] for one in spectra] == ["s0", "s1", "s2"]
    assert [one.meta["fields"] for one in spectra] == [{"polymer": "PE"} if kind[0] == "b" else {}] * 3
    assert all(one.wavenumber[0] == 650 and one.wavenumber[-1] == 4000 for one in spectra)


def test_kept_columns_in_the_order_of_text():
    spectra, _ = kept("C13i_rows_columns_sorted_as_text.csv")
    assert len(spectra) == 3 and all((np.diff(one.wavenumber) == 10).all() for one in spectra)
    assert "order of their text" in spectra[0].meta["flags"][0]
    assert spectra[0].wavenumber[spectra[0].absorbance.argmax()] == 2920


def test_kept_dark_row_of_percent():
    spectra, _ = kept("C13k_rows_all_percentT_but_dark.csv")
    assert [one.meta["y_unit"] for one in spectra] == ["%T"] * 3
    dark = spectra[2].absorbance
    assert np.allclose([dark.min(), dark.max()], [2.24, 3.092], atol=0.01)


@pytest.mark.parametrize(
    "name", ["C16_start_end_points.txt", "C42_semicolon_comment_inside.dpt", "C43_ends_with_section.txt"]
)
def test_kept_lists_remarks_and_sections(name):
    ((spectrum,), _) = kept(name)
    assert spectrum.wavenumber.size == 1867 and np.allclose(spectrum.wavenumber[[0, -1]], [400, 4000])
    assert name[:3] != "C42" or "is a remark and was passed over" in spectrum.meta["flags"][0]


def test_kept_file_from_zero():
    ((spectrum,), _) = kept("C44_starts_at_zero.csv")
    assert (spectrum.meta["points"], spectrum.meta["cropped"], spectrum.wavenumber[0]) == (2001, True, 350)


def test_the_list_of_kept_files_names_no_other_text():
    "Whoever adds a case of these kinds beside the project adds it here"
    if CASES is None:
        pytest.skip("../shared/cases is not beside this repository")
    with open(CASES / "expected.csv", encoding="utf-8") as file:
        files = [row["file"] for row in csv.DictReader(file)]
    text = [name for name in files if name[:3] in ("C10", "C13", "C16", "C42", "C43") or name[:3] == "C44"]
    assert len(text) == 13


# ---- an axis named wavelength

FT = np.linspace(400, 4000, 1200)
NAMES = (
    "Wavelength",
    "wavelength",
    "Longueur d'onde",
    "Wellenlänge",
    "Longitud de onda",
    "lunghezza d'onda",
    "波长",
    "λ",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mark, decimal", [(",", "."), (";", ","), ("\t", "."), ("\t", ",")])
def test_a_wavelength_in_even_steps_is_a_wavenumber(tmp_path, name, mark, decimal):
    for wn in (FT, FT[::-1], np.arange(0.0, 5000.0, 4), FT[(FT < 2280) | (FT > 2400)]):
        (spectrum,) = read(
            tmp_path, columns([f"{name}{mark}Absorbance"], wn, polyethylene(wn), mark=mark, decimal=decimal)
        )
        assert_pe(spectrum, wn, polyethylene(wn))
        assert "read as cm⁻¹" in spectrum.meta["flags"][0]


@pytest.mark.parametrize(
    "unit", ["nm", "Wavelength (nm)", "Wavelength [µm]", "Wellenlänge / nm", "wavelength_nm", "micrometers"]
)
def test_a_unit_that_the_numbers_contradict_is_refused(tmp_path, unit):
    for wn in (FT, WN[::-1], np.arange(650, 7800.0, 4)):
        with pytest.raises(SpectrumFormatError, match="says (nm|µm) but the axis runs"):
            read(tmp_path, columns([f"{unit},Absorbance"], wn, polyethylene(wn)))


@pytest.mark.parametrize("head", ["cm-1,A", "Wavenumber,A", "wavenumber_cm-1,A", "Wavenumber (cm-1),A"])
def test_wavelengths_called_wavenumbers_are_refused(tmp_path, head):
    for x in (1e7 / WN, 1e4 / WN[::-1]):
        with pytest.raises(SpectrumFormatError, match="as (nm|µm) do"):
            read(tmp_path, columns([head], x, PE))


@pytest.mark.parametrize("head", ["nm,A", "Wavelength,A", "Wavelength (nm),A", "Wavenumber (nm),A"])
def test_true_wavelengths_are_read(tmp_path, head):
    (spectrum,) = read(tmp_path, columns([head], 1e7 / WN, PE, digits=6))
    assert_pe(spectrum)


@pytest.mark.parametrize("x", [np.arange(350.0, 2500.0), np.arange(2500.0, 4000.0, 2), np.arange(400.0, 2600.0, 4)])
def test_a_wavelength_that_may_be_both_is_refused(tmp_path, x):
    with pytest.raises(SpectrumFormatError, match="may be nm or cm⁻¹. Name the unit"):
        read(tmp_path, columns(["Wavelength,Absorbance"], x, polyethylene(x)))


@pytest.mark.parametrize(
    "name", ["Temperature (°C)", "Time [min]", "2Theta", "Volume (ml)", "m/z", "Raman shift (cm-1)"]
)
def test_an_axis_of_something_else_is_refused(tmp_path, name):
    with pytest.raises(SpectrumFormatError, match="an infrared spectrum over wavenumber or wavelength is needed"):
        read(tmp_path, columns([f"{name},Intensity"], WN, PE))


@pytest.mark.parametrize("name", ["Heat flow (mW)", "Weight (%)", "Signal [mV]", "Temperature", "DSC/(mW/mg)"])
def test_values_of_something_else_are_refused(tmp_path, name):
    with pytest.raises(SpectrumFormatError, match="an infrared absorbance, transmittance or reflectance is needed"):
        read(tmp_path, columns([f"cm-1,{name}"], WN, PE))


# ---- one spectrum a row

FORMS = (
    "{:g}",
    "{:.1f}",
    "X{:g}",
    "V{:g}",
    "{:g} cm-1",
    "{:g}cm⁻¹",
    "wn_{:g}",
    "X{:g}.cm.1",
    '"{:.2f}"',
    "{:.4e}",
    "spc.{:g}",
)
WORDS = {
    "polymer": {"s0": "PE", "s1": "PE", "s2": "LDPE, film"},
    "site": {"s0": "sea", "s1": "beach", "s2": "sea"},
    "size": {"s0": "12.5", "s1": "3", "s2": ""},
}
PLACES = (
    (("sample",), ()),
    ((), ("sample", "polymer")),
    (("site", "sample"), ("polymer", "size")),
    (("polymer",), ("site", "sample")),
)


def quoted(words):
    "Words with quotes where they hold a comma"
    return {
        key: {name: f'"{cell}"' if "," in cell else cell for name, cell in each.items()} for key, each in words.items()
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before, after", PLACES)
def test_rows_with_any_header_and_columns_around(tmp_path, form, before, after):
    spectra = read(tmp_path, rows(before, after, form, words=quoted(WORDS)))
    assert [one.meta["title"] for one in spectra] == ["s0", "s1", "s2"]
    for one, (name, values) in zip(spectra, THREE.items(), strict=True):
        assert_pe(one, values=values)
        expected = {key: WORDS[key][name] for key in (*before, *after) if key != "sample"}
        assert one.meta["fields"] == expected


@pytest.mark.parametrize("mark, decimal", [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ",")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("tail", ["", "{0}", "{0}{0}{0}"])
def test_rows_in_any_dialect(tmp_path, mark, decimal, encoding, tail):
    text = rows(("sample", "site"), mark=mark, decimal=decimal, words={"site": dict.fromkeys(THREE, "Küste")})
    lines = text.splitlines()
    text = "\r\n".join(line + tail.format(mark) for line in lines) + "\r\n"
    spectra = read(tmp_path, text.encode(encoding))
    assert [(one.meta["title"], one.meta["fields"]) for one in spectra] == [(name, {"site": "Küste"}) for name in THREE]
    assert_pe(spectra[2], values=THREE["s2"])


@pytest.mark.parametrize("form", ["{:g}", "X{:g}", "{:g} cm-1", "{:.3f}"])
@pytest.mark.parametrize("order", ["text", "text falling", "falling"])
def test_columns_in_another_order(tmp_path, form, order):
    places = sorted(range(WN.size), key=lambda i: form.format(WN[i])) if "text" in order else list(range(WN.size))
    places = np.array(places[::-1] if "falling" in order else places)
    spectra = read(tmp_path, rows(form=form, order=places))
    for one, values in zip(spectra, THREE.values(), strict=True):
        assert_pe(one, values=values)
        assert any("order of their text" in flag for flag in one.meta["flags"]) == ("text" in order)


def test_columns_in_disorder_are_refused(tmp_path):
    shuffled = np.random.default_rng(0).permutation(WN.size)
    twice = np.repeat(np.arange(WN.size), 2)
    for order, words in ((shuffled, "turns round at column"), (twice, "gives 650 twice, again in column 3")):
        with pytest.raises(SpectrumFormatError, match=words):
            read(tmp_path, rows(order=order))
    counted = rows().replace(rows().splitlines()[0], ",".join(["sample", *map(str, range(WN.size))]))
    with pytest.raises(SpectrumFormatError, match="only counts its columns"):
        read(tmp_path, counted)


def test_rows_as_r_and_pandas_and_open_specy_write_them(tmp_path):
    header, *body = rows(after=("polymer",), form="X{:g}", words={"polymer": dict.fromkeys(THREE, "PE")}).splitlines()
    named = [header, *(f"{i},{row}" for i, row in enumerate(body, 1))]  # R: names of rows, no name for their column
    indexed = [f",{header}", *(f"{i},{row}" for i, row in enumerate(body))]  # pandas: an index without a name
    for lines in (named, indexed):
        spectra = read(tmp_path, "\n".join(lines))
        assert [one.meta["title"] for one in spectra] == ["s0", "s1", "s2"]
        assert_pe(spectra[1], values=THREE["s1"])
    flat = rows(
        (),
        ("x", "y", "file_name", "spectrum_type", "intensity_units", "sample"),
        words={
            "x": {"s0": "0", "s1": "1", "s2": "2"},
            "y": dict.fromkeys(THREE, "0"),
            "file_name": dict.fromkeys(THREE, "map.csv"),
            "spectrum_type": {"s0": "FTIR", "s1": "Raman", "s2": "FTIR"},
            "intensity_units": dict.fromkeys(THREE, "absorbance"),
        },
    )
    spectra = read(tmp_path, flat)
    assert [(one.meta["title"], one.meta["number"], one.meta["y_declared"]) for one in spectra] == [
        ("s0", 1, "absorbance"),
        ("s2", 3, "absorbance"),
    ]
    assert "'s1', was passed over: it holds Raman intensity" in " ".join(spectra[0].meta["flags"])


def test_names_of_columns_that_look_like_an_axis(tmp_path):
    names = [str(i) for i in range(1001, 1201)]
    values = [PE * (1 + i / 1000) for i in range(200)]
    for corner in ("cm-1", "", "x"):
        spectra = read(tmp_path, columns([",".join([corner, *names])], WN, *values))
        assert [one.meta["title"] for one in spectra] == names
        assert_pe(spectra[7], values=values[7])


@pytest.mark.parametrize("noise", ["# lamp changed", "// lamp changed", "! lamp changed", "% see the notes"])
def test_remarks_and_sections_among_rows(tmp_path, noise):
    header, *body = rows().splitlines()
    spectra = read(tmp_path, "\n".join([header, body[0], noise, header, *body[1:], "[Comments]", "Operator,Ada"]))
    assert [one.meta["title"] for one in spectra] == ["s0", "s1", "s2"]
    assert "line 3 is a remark" in spectra[0].meta["flags"][0]


@pytest.mark.parametrize("shape", ["rows", "columns"])
def test_a_table_of_380_spectra_takes_less_than_two_seconds(tmp_path, shape):
    wn = np.linspace(650, 4000, 1800)
    values = [f"{y:.6f}" for y in polyethylene(wn)]
    if shape == "rows":
        text = "\n".join(
            [",".join(["sample", *(f"{x:.4f}" for x in wn)]), *(",".join([f"s{i}", *values]) for i in range(380))]
        )
    else:
        lines = (f"{x:.4f}" + f",{y}" * 380 for x, y in zip(wn, values, strict=True))
        text = "\n".join([",".join(["cm-1", *(f"s{i}" for i in range(380))]), *lines])
    start = time.process_time()
    spectra = read(tmp_path, text)
    assert time.process_time() - start < 2
    assert [one.meta["title"] for one in spectra] == [f"s{i}" for i in range(380)]


# ---- one unit for the whole file

BRIGHT, DARK = 91 * 10**-PE, 0.6 * 10 ** -(PE / 2)


@pytest.mark.parametrize("above", ["", "transmittance\n", "%T\n"])
@pytest.mark.parametrize("dark", [DARK, 0.1 + DARK / 9, np.full(WN.size, 0.5)])
def test_a_dark_spectrum_has_the_unit_of_the_others(tmp_path, above, dark):
    light = {"s0": BRIGHT, "s1": BRIGHT / 2, "s2": dark}
    wide = columns([above.strip(), "cm-1,s0,s1,s2"][not above :], WN, *light.values(), digits=6)
    for text in (above + rows(spectra=light), wide):
        spectra = read(tmp_path, text)
        assert [one.meta["y_unit"] for one in spectra] == ["%T"] * 3
        assert np.allclose(spectra[2].absorbance, -np.log10(dark / 100), atol=0.01)
        assert any("as the other spectra of the file are" in flag for flag in spectra[2].meta["flags"])


def test_an_open_spectrum_has_the_unit_of_the_others(tmp_path):
    values = {"s0": PE, "s1": PE, "s2": 0.37 + PE / 50}
    spectra = read(tmp_path, rows(spectra=values))
    assert [one.meta["y_unit"] for one in spectra] == ["absorbance"] * 3
    assert_pe(spectra[2], values=values["s2"])


def test_spectra_that_contradict_each_other(tmp_path):
    with pytest.raises(SpectrumFormatError, match="1 of its spectra have the shape of absorbance, 1 of transmittance"):
        read(tmp_path, rows(spectra={"s0": PE, "s1": BRIGHT}))
    many = {f"s{i}": PE for i in range(9)}
    spectra = read(tmp_path, rows(spectra=many | {"odd": BRIGHT}))
    assert len(spectra) == 9 and "'odd', was passed over" in spectra[0].meta["flags"][-1]
    spectra = read(tmp_path, columns(["cm-1,A,%T"], WN, PE, BRIGHT))
    assert [one.meta["y_unit"] for one in spectra] == ["absorbance", "%T"]


# ---- one point a row


def long_text(names, mark=",", decimal=".", by_wavenumber=False, numbered=False):
    "Text of a long table; the names of its columns say what stands in them"
    points = [(name, x, y) for name, values in THREE.items() for x, y in zip(WN, values, strict=True)]
    points = sorted(points, key=lambda point: -point[1]) if by_wavenumber else points
    lines = [mark.join(names)]
    for i, (name, x, y) in enumerate(points):
        number = name[1:] if numbered else name
        said = {
            "wavenumber": f"{x:g}",
            "Wavelength": f"{x:g}",
            "x": f"{x:g}",
            "absorbance": f"{y:.5f}",
            "intensity": f"{y:.5f}",
        }
        said |= {"sample_id": number, "name": number, "polymer": "PE", "": str(i), "group": f"g{name}"}
        lines.append(mark.join(said[key].replace(".", decimal) for key in names))
    return "\n".join(lines)


LONG = (
    ("sample_id", "wavenumber", "absorbance"),
    ("wavenumber", "absorbance", "sample_id"),
    ("", "Wavelength", "name", "absorbance"),
    ("polymer", "wavenumber", "intensity", "sample_id", "group"),
    ("name", "x", "intensity"),
)


@pytest.mark.parametrize("names", LONG)
@pytest.mark.parametrize("mark, decimal", [(",", "."), (";", ","), ("\t", ".")])
@pytest.mark.parametrize("by_wavenumber", [False, True])
@pytest.mark.parametrize("numbered", [False, True])
def test_long_tables(tmp_path, names, mark, decimal, by_wavenumber, numbered):
    spectra = read(tmp_path, long_text(names, mark, decimal, by_wavenumber, numbered))
    titles = ["0", "1", "2"] if numbered else ["s0", "s1", "s2"]
    assert [one.meta["title"] for one in spectra] == titles
    for one, values in zip(spectra, THREE.values(), strict=True):
        assert_pe(one, values=values)
        assert one.meta["fields"].get("polymer", "PE") == "PE"


def test_a_long_table_of_one_spectrum(tmp_path):
    for tail, title in (("film", "film"), ("PE, film", "PE, film")):
        text = "\n".join(
            ["Wavenumber,Absorbance,sample", *(f'{x:g},{y:.5f},"{tail}"' for x, y in zip(WN, PE, strict=True))]
        )
        (spectrum,) = read(tmp_path, text)
        assert spectrum.meta["title"] == title
        assert_pe(spectrum)


# ---- columns, with words above


def test_words_above_columns(tmp_path):
    head = ["polymer,PE,PP,PET", "cm-1,s0,s1,s2", "site,sea,sea,beach"]
    for lines in (head, [head[1], head[0], head[2]], [head[0], head[2], head[1]], ["# made by Ada", *head]):
        spectra = read(tmp_path, columns(lines, WN, *THREE.values()))
        assert [one.meta["title"] for one in spectra] == list(THREE)
        assert spectra[2].meta["fields"] == {"polymer": "PET", "site": "beach"}
    units = ["sample,s0,s1,s2", "cm-1,%T,%T,%T"]
    spectra = read(tmp_path, columns(units, WN, *(100 * 10**-y for y in THREE.values())))
    assert [(one.meta["title"], one.meta["y_declared"]) for one in spectra] == [(name, "%T") for name in THREE]
    assert_pe(spectra[1], values=THREE["s1"])


def test_every_spectrum_has_title_and_fields(tmp_path):
    (one,) = read(tmp_path, columns(["cm-1,Absorbance"], WN, PE))
    (film,) = read(tmp_path, columns(["cm-1,PE film"], WN, PE))
    assert [(one.meta[key], film.meta[key]) for key in ("title", "fields", "number")] == [
        ("", "PE film"),
        ({}, {}),
        (1, 1),
    ]


# ---- files from zero, remarks, sections, minus signs, encodings


@pytest.mark.parametrize(
    "head", [["wavenumber,absorbance"], ["# Open", "cm-1,A"], ["Wellenzahl,Absorbanz"], ["Wavelength,A"]]
)
def test_files_from_zero(tmp_path, head):
    for step in (2.0, 3.857, 0.964):
        wn = np.arange(0, 4500, step)
        for order in (1, -1):
            (spectrum,) = read(tmp_path, columns(head, wn[::order], polyethylene(wn)[::order]))
            assert_pe(spectrum, wn, polyethylene(wn))
            assert spectrum.meta["cropped"]
    with pytest.raises(SpectrumFormatError, match="are positive"):
        read(tmp_path, columns(["µm,A"], np.arange(0, 30, 0.01), np.ones(3000) / 9))


REMARKS = (
    "; lamp changed",
    "# lamp changed",
    "// lamp changed",
    "! new background",
    "% note",
    "* pause",
    "' pause for lunch",
)


@pytest.mark.parametrize("remark", REMARKS)
@pytest.mark.parametrize("mark, decimal", [(",", "."), ("\t", "."), (" ", "."), (";", ",")])
def test_remarks_among_the_numbers(tmp_path, remark, mark, decimal):
    lines = columns([], WN, PE, mark=mark, decimal=decimal).splitlines()
    for place in (1, 50, len(lines)):
        (spectrum,) = read(tmp_path, "\n".join([*lines[:place], remark, *lines[place:]]) + "\n")
        assert_pe(spectrum)
        assert f"line {place + 1} is a remark and was passed over" in spectrum.meta["flags"][0]


@pytest.mark.parametrize(
    "end",
    [
        "[Comments]",
        "[Measurement Information]\t",
        "##### Extended Information",
        "END",
        ">>>>>End Spectral Data<<<<<",
        "[EndOfFile]",
    ],
)
@pytest.mark.parametrize(
    "below", ["Sample name\tPE", "Date\t2024/01/02\nScans\t32", "", "Peaks\n1\t2916\t0.9\n2\t2848\t0.7"]
)
def test_sections_below_the_numbers(tmp_path, end, below):
    (spectrum,) = read(tmp_path, columns(["XYDATA"], WN, PE, mark="\t") + f"\n{end}\n{below}\n")
    assert_pe(spectrum)


@pytest.mark.parametrize("between", ["[Spectrum 2]", "Spectrum 2", "END\n[next]"])
def test_a_second_spectrum_below_is_not_dropped(tmp_path, between):
    text = columns([], WN, PE)
    with pytest.raises(SpectrumFormatError, match="second block of numbers begins at line"):
        read(tmp_path, f"{text}{between}\n{text}")


@pytest.mark.parametrize("sign", ["−", "–", "‐", "－", "-"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_minus_signs(tmp_path, sign, encoding):
    lowered = PE - 0.05
    text = columns(["cm⁻¹;A"], WN, lowered, mark=";", decimal=",").replace(";-", f";{sign}")
    assert sign in text
    (spectrum,) = read(tmp_path, text.encode(encoding))
    assert_pe(spectrum, values=lowered)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_utf16_without_mark_that_is_cut(tmp_path, cut):
    (spectrum,) = read(tmp_path, columns(["cm-1;A"], WN, PE, mark=";").encode("utf-16-le")[:-cut])
    assert spectrum.wavenumber.size >= WN.size - 1


# ---- the axis by its ends

LISTS = (
    ["StartWavenumber 650", "EndWavenumber 4000", "Points 336"],
    ["Start: 4000", "End: 650", "Number of points: 336", "cm-1"],
    ["FirstX=650,0", "LastX=4000,0", "NPoints=336", "XUnits=1/CM"],
    ["XStart\t4000.0", "XEnd\t650.0", "Step\t-10", "wavenumber"],
    ["Anfang Wellenzahl; 650", "Ende Wellenzahl; 4000", "Anzahl der Punkte; 336"],
)


@pytest.mark.parametrize("head", LISTS)
def test_lists_of_values(tmp_path, head):
    falling = "4000" in head[0]
    values = PE[::-1] if falling else PE
    text = "\n".join(["Spectra Data File", *head, "Absorbance", *(f"{y:.5f}" for y in values)])
    for decimal in ".,":
        (spectrum,) = read(tmp_path, text.replace(".", decimal) + "\n")
        assert_pe(spectrum)
    for broken in (text[: len(text) // 2], text + "\n0.1\n0.2\n0.3"):
        with pytest.raises(SpectrumFormatError, match="cut off or damaged"):
            read(tmp_path, broken)


def test_lists_in_other_forms(tmp_path):
    head = "Range: 650 - 4000 cm-1\nPoints: 336\n"
    rows_of_six = (" ".join(f"{y:.5f}" for y in PE[i : i + 6]) for i in range(0, 336, 6))
    for body in (rows_of_six, (f"{y:.5f}," for y in PE)):
        (spectrum,) = read(tmp_path, head + "\n".join(body))
        assert_pe(spectrum)
    with pytest.raises(SpectrumFormatError, match="gives the ends of a wavelength"):
        read(tmp_path, "FirstWavelength 2500\nLastWavelength 15000\nPoints 336\n" + "\n".join(f"{y:.5f}" for y in PE))


def test_rows_without_a_header_are_refused(tmp_path):
    with pytest.raises(SpectrumFormatError, match="holds 3 rows of 336 numbers and no axis"):
        read(tmp_path, rows(()).split("\n", 1)[1])


@pytest.mark.parametrize(
    "head, encoding", [("波数,吸光度", "gbk"), ("波数,吸光度", "shift_jis"), ("Волновое число,Поглощение", "cp1251")]
)
def test_code_pages_of_other_languages(tmp_path, head, encoding):
    (spectrum,) = read(tmp_path, columns([head], WN, PE).encode(encoding))
    assert_pe(spectrum)
    assert (spectrum.meta["flags"], spectrum.meta["y_declared"]) == ([], head.split(",")[1])


def test_a_list_without_its_length_is_refused(tmp_path):
    text = "\n".join(["StartWavenumber 650", "EndWavenumber 4000", *(f"{y:.5f}" for y in PE)])
    with pytest.raises(SpectrumFormatError, match="but not the number of points"):
        read(tmp_path, text)
    with pytest.raises(SpectrumFormatError, match="336 lines hold one number"):
        read(tmp_path, "\n".join(["Absorbance", *(f"{y:.5f}" for y in PE)]))


# ---- workbooks


def workbook(**sheets):
    "Bytes of a workbook"
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, table in sheets.items():
        sheet = book.create_sheet(name)
        for row in table:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def sheet_of(text, mark=","):
    "Cells of a text, numbers as numbers"
    return [[float(cell) if cell[:1].isdigit() else cell for cell in line.split(mark)] for line in text.splitlines()]


NOTES = [["measured by", "Ada"], ["on", datetime.date(2025, 3, 1)], ["lamp", 3.5]]


SHEETS = {
    "rows": rows(("sample",), ("site",), words={"site": dict.fromkeys(THREE, "sea")}),
    "columns": columns(["cm-1,s0,s1,s2"], WN, *THREE.values()),
    "points": long_text(LONG[0]),
}


@pytest.mark.parametrize("shape", SHEETS)
def test_workbooks(tmp_path, shape):
    spectra = read(tmp_path, workbook(Notes=NOTES, Data=sheet_of(SHEETS[shape])), "book.xlsx")
    assert [one.meta["title"] for one in spectra] == list(THREE)
    assert_pe(spectra[2], values=THREE["s2"])
    assert spectra[0].meta["sheet"] == "Data"


def test_workbooks_that_are_refused(tmp_path, monkeypatch):
    data = sheet_of(rows())
    whole = workbook(A=data, B=data)
    with pytest.raises(SpectrumFormatError, match="several sheets: 'A', 'B'"):
        read(tmp_path, whole)
    with pytest.raises(SpectrumFormatError, match="sheet 'Notes' has 3 lines but no row of two numbers"):
        read(tmp_path, workbook(Notes=NOTES))
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(SpectrumFormatError, match=r"pip install microplastic-aging\[excel\]"):
        read(tmp_path, whole)


def test_a_zip_archive_is_no_workbook(tmp_path):
    import zipfile

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.csv", rows())
    with pytest.raises(SpectrumFormatError, match="is a zip archive.*; unpack it"):
        read(tmp_path, content.getvalue())
