"Files of instruments that once came out wrong, and others of their kind: each is read as declared, or refused by name"

import io
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from microplastic_aging.spectra import core
from microplastic_aging.spectra.core import read_spectra
from microplastic_aging.spectra.units import SpectrumFormatError

sys.path.insert(0, str(Path(__file__).parent))
from spectra_files import AB, WN, jcamp, omnic, opus, pe_block, pe_text, perkinelmer, spc

ROOT = Path(__file__).resolve().parents[1]
CASES = next((p / "shared/cases" for p in ROOT.parents if (p / "shared/cases").is_dir()), None)
N = len(WN)


def read(folder, raw, name="some.file"):
    "The spectra of a file with this content"
    path = folder / name
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return read_spectra(path)


def refused(folder, raw, name="some.file"):
    "Why a file is refused"
    with pytest.raises(SpectrumFormatError) as error:
        read(folder, raw, name)
    return error.value.reason


def same(one, y=AB, tolerance=2e-3):
    "Whether a spectrum is the drawn one"
    return one.absorbance.shape == y.shape and np.allclose(one.absorbance, y[::-1], atol=tolerance)


# ---- the files themselves


def case(name):
    if CASES is None or not (CASES / name).is_file():
        pytest.skip(f"../shared/cases/{name} is not beside this repository")
    return CASES / name


READ = {  # File: unit of the values, points, flags that it must have
    "C14_shimadzu_text.txt": ("%T", 1867, ""),
    "C27_trailing_check_line_zero.jdx": ("absorbance", 1867, "check line"),
    "C24f_no_end.jdx": ("absorbance", 1867, "without ##END="),
    "C02_fnsub_zero.spc": ("absorbance", 1867, ""),
}


@pytest.mark.parametrize("name", READ)
def test_a_case_that_is_read(name):
    unit, points, flag = READ[name]
    (one,) = read_spectra(case(name))
    assert (one.meta["y_unit"], one.meta["points"]) == (unit, points)
    assert any(flag in said for said in one.meta["flags"]) if flag else not one.meta["flags"]
    assert one.wavenumber[[0, -1]] == pytest.approx([400, 4000])
    near = np.abs(one.wavenumber - 2890) < 60
    top = one.wavenumber[near][np.argsort(one.absorbance[near])[::-1]]
    assert abs(top[0] - 2916) < 3
    low = one.wavenumber[np.abs(one.wavenumber - 2848) < 20]
    assert abs(low[one.absorbance[np.abs(one.wavenumber - 2848) < 20].argmax()] - 2848) < 3


def test_the_check_line_changes_nothing(tmp_path):
    lines = case("C27_trailing_check_line_zero.jdx").read_text().splitlines()
    (with_line,) = read_spectra(case("C27_trailing_check_line_zero.jdx"))
    (without,) = read(tmp_path, "\n".join(lines[:-2] + lines[-1:]) + "\n")
    assert np.array_equal(with_line.absorbance, without.absorbance) and not without.meta["flags"]


def test_integers_of_opus():
    (one,) = read_spectra(case("C61_opus_int32_dpf2.0"))
    assert one.meta["y_unit"] == "absorbance" and not one.meta["flags"]
    assert one.absorbance.min() == pytest.approx(0.02, abs=1e-3) and one.absorbance.max() == pytest.approx(
        0.92, abs=5e-3
    )


REFUSED = {
    "C26c_unknown_data_type_and_units.jdx": "pH TITRATION",
    "C48_ole_not_excel.jws": "compound (OLE) file, by its suffix .jws of JASCO",
    "C49_pe_image.fsm": "PerkinElmer image",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_case_that_is_refused(name):
    with pytest.raises(SpectrumFormatError) as error:
        read_spectra(case(name))
    assert REFUSED[name] in error.value.reason
    assert "damaged" not in error.value.reason and "cut off" not in error.value.reason


# ---- a declaration must be understood


def with_header(**changes):
    "The drawn JCAMP-DX file with some labels of its header changed"
    text = jcamp().decode()
    for label, value in changes.items():
        label = label.replace("_", " ")
        lines = [f"##{label}={value}" if line.startswith(f"##{label}=") else line for line in text.splitlines()]
        text = "\n".join(lines) + "\n"
    return text


UNKNOWN_HEADERS = {
    "neutron": dict(DATA_TYPE="NEUTRON SCATTERING", XUNITS="ENERGY TRANSFER (MEV)", YUNITS="S(Q,W)"),
    "titration": dict(DATA_TYPE="pH TITRATION"),
    "EELS": dict(DATA_TYPE="electron energy loss"),
    "thermogram": dict(DATA_TYPE="INFRARED THERMOGRAM"),
    "polarogram": dict(DATA_TYPE="POLAROGRAM"),
    "axis": dict(XUNITS="VOLUME"),
    "axis, lower case": dict(XUNITS="scattering vector"),
    "values": dict(YUNITS="pH"),
    "current": dict(YUNITS="MICROAMPERE"),
    "rotation": dict(YUNITS="DEGREES OF ROTATION"),
}


@pytest.mark.parametrize("name", UNKNOWN_HEADERS)
def test_an_unknown_word_of_a_header_is_refused(name, tmp_path):
    reason = refused(tmp_path, with_header(**UNKNOWN_HEADERS[name]))
    assert any(words in reason for words in ("no known unit", "not known as an infrared", "spectrum over wavenumber"))
    assert next(iter(UNKNOWN_HEADERS[name].values()))[:40] in reason


KNOWN_HEADERS = {
    "standard": {},
    "dashes": dict(DATA_TYPE="Infra-Red Spectrum"),
    "FT-IR": dict(DATA_TYPE="FT-IR SPECTRUM", XUNITS="cm-1", YUNITS="Absorbance"),
    "German": dict(DATA_TYPE="Infrarotspektrum", XUNITS="Wellenzahl", YUNITS="Extinktion"),
    "transformed": dict(DATA_TYPE="INFRARED TRANSFORMED SPECTRUM", XUNITS="CM^-1"),
    "nothing said": dict(DATA_TYPE="", YUNITS="ARBITRARY UNITS"),
}


@pytest.mark.parametrize("name", KNOWN_HEADERS)
def test_a_known_word_of_a_header_is_read(name, tmp_path):
    (one,) = read(tmp_path, with_header(**KNOWN_HEADERS[name]))
    assert same(one) and bool(one.meta["flags"]) == (name == "nothing said")
    assert one.meta["title"] == "drawn" and isinstance(one.meta["fields"], dict)


def test_a_header_that_says_two_things_is_refused(tmp_path):
    for label, value in (
        ("YUNITS", "TRANSMITTANCE"),
        ("XUNITS", "MICROMETERS"),
        ("YFACTOR", "1e-5"),
        ("NPOINTS", "99"),
    ):
        twice = with_header().replace("##XUNITS", f"##{label}={value}\n##XUNITS", 1)
        assert "further on" in refused(tmp_path, twice), label
    (one,) = read(tmp_path, with_header().replace("##XUNITS", "##YUNITS=absorbance\n##XUNITS", 1))
    assert same(one)


def test_the_known_blocks_of_a_file_are_read(tmp_path):
    other = with_header(DATA_TYPE="pH TITRATION")
    text = "##TITLE=two\n##DATA TYPE=LINK\n##BLOCKS=2\n" + other + with_header() + "##END=\n"
    (one,) = read(tmp_path, text)
    assert same(one) and any("pH TITRATION" in flag for flag in one.meta["flags"])


def changed_byte(raw, place, value):
    return raw[:place] + bytes([value]) + raw[place + 1 :]


@pytest.mark.parametrize("version", (0x4B, 0x4C))
@pytest.mark.parametrize(("place", "code", "words"), [(28, 77, "code 77"), (29, 90, "code 90"), (29, 7, "milliamps")])
def test_an_unknown_code_of_spc_is_refused(version, place, code, words, tmp_path):
    assert words in refused(tmp_path, changed_byte(spc(version), place, code))
    assert same(read(tmp_path, spc(version))[0])


def test_an_unknown_code_of_other_formats_is_refused(tmp_path):
    header = omnic().index(struct.pack("<IB", N, 1))
    assert "code 9" in refused(tmp_path, changed_byte(omnic(), header + 4, 9))
    assert "code 99" in refused(tmp_path, changed_byte(omnic(), header + 8, 99))
    for word, other in ((b"cm-1", b"gram"), (b"%T", b"pH")):
        other_unit = perkinelmer().replace(pe_text(word), pe_text(other))
        assert "no known unit" in refused(tmp_path, other_unit) and other.decode() in refused(tmp_path, other_unit)
    assert "no known unit" in refused(tmp_path, opus().replace(b"WN\0\0", b"QQ\0\0"))


def test_a_label_of_spc_must_agree_with_its_code(tmp_path):
    raw = bytearray(spc())
    raw[0] |= 32
    for labels, agrees in ((b"Wavenumber (cm-1)\0Absorbance", True), (b"Nanometers\0Abs", False), (b"cm-1\0%T", False)):
        raw[218:248] = labels.ljust(30, b"\0")
        if agrees:
            assert same(read(tmp_path, bytes(raw))[0])
        else:
            assert "twice" in refused(tmp_path, bytes(raw))


@pytest.mark.parametrize(("code", "unit"), [(2, "µm"), (3, "nm")])
def test_numbers_must_be_those_of_the_unit(code, unit, tmp_path):
    "Wavenumbers that a header calls a wavelength are not turned into another axis"
    if unit == "nm":
        pytest.importorskip(
            "microplastic_aging.spectra.header", reason="even steps in nm are told apart with the texts"
        )
    assert unit in refused(tmp_path, changed_byte(spc(), 28, code))


def integers(form=2, scale=1e-6, series=0):
    "An OPUS file of 32-bit integers"
    numbers = np.rint(AB / scale).astype("<i4")
    raw = opus(y=numbers.view("<f4"), series=series)
    raw = raw.replace(b"DPF\0\0\0\2\0" + struct.pack("<i", 1), b"DPF\0\0\0\2\0" + struct.pack("<i", form))
    return raw.replace(b"CSF\0\1\0\4\0" + struct.pack("<d", 1), b"CSF\0\1\0\4\0" + struct.pack("<d", scale))


@pytest.mark.parametrize("scale", (1e-6, 2.5e-5, 1e-9))
@pytest.mark.parametrize("series", (0, 3))
def test_opus_integers_are_scaled(scale, series, tmp_path):
    found = read(tmp_path, integers(2, scale, series))
    assert len(found) == max(series, 1) and all(same(one) for one in found)


@pytest.mark.parametrize("form", (0, 3, 5, -1))
def test_an_unknown_number_format_of_opus_is_refused(form, tmp_path):
    assert f"DPF {form}" in refused(tmp_path, integers(form))


def test_a_factor_of_nothing_is_refused(tmp_path):
    for scale in (0.0, np.nan, np.inf):
        assert "CSF" in refused(tmp_path, opus().replace(struct.pack("<d", 1.0), struct.pack("<d", scale)))


# ---- which family a file belongs to

LABELS = "##TITLE=film\n##DATA TYPE=INFRARED SPECTRUM\n##XUNITS=1/CM\n##YUNITS=ABSORBANCE\n"


def labelled(head=LABELS, mark="\t", decimal=".", order=1, tail=""):
    "Two columns under labels that are no JCAMP-DX"
    rows = [f"{x:.4f}{mark}{y:.6f}".replace(".", decimal) for x, y in zip(WN, AB, strict=True)]
    return head + "\n".join(rows[::order]) + "\n" + tail


DIALECTS = {
    "tab": {},
    "blanks and END": dict(mark="   ", tail="##END=\n"),
    "comma": dict(mark=","),
    "decimal comma": dict(mark=";", decimal=","),
    "rising": dict(order=-1),
    "colons": dict(head=LABELS.replace("=", ": ")),
    "lower case, blanks": dict(head=LABELS.lower().replace("##", "## ").replace("=", " = ")),
    "remarks first": dict(head="$$ a\n$$ b\n\n$$ c\n$$ d\n" + LABELS),
    "version": dict(head=LABELS + "##JCAMP-DX=4.24\n"),
    "points": dict(head=LABELS + f"##NPOINTS={N}\n##FIRSTX=4000\n##LASTX=600\n"),
    "names": dict(head=LABELS + "cm-1\tAbs\n"),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_columns_under_labels_are_a_table(name, tmp_path):
    (one,) = read(tmp_path, labelled(**DIALECTS[name]))
    assert same(one) and not one.meta["flags"]
    assert one.meta["title"] == "film" and one.meta["y_unit"] == "absorbance"


def test_columns_under_labels_must_be_those_declared(tmp_path):
    assert "no known unit" in refused(tmp_path, labelled(LABELS.replace("ABSORBANCE", "pH")))
    assert "not known" in refused(tmp_path, labelled(LABELS.replace("INFRARED", "DIELECTRIC")))
    assert "header says 9000" in refused(tmp_path, labelled(LABELS + "##NPOINTS=9000\n"))
    assert "LASTX" in refused(tmp_path, labelled(LABELS + "##LASTX=400\n"))


def test_a_jcamp_that_lost_the_name_of_its_table_is_no_table(tmp_path):
    "Its rows are not columns: read as such they would give eight wrong spectra"
    for text in (jcamp().decode(), jcamp().decode().replace("##NPOINTS", "##POINTS")):
        for lost in ("##XYDATA=", "##XYDATA=(X++(Y..Y))\n"):
            refused(tmp_path, text.replace(lost, "", 1))


@pytest.mark.parametrize("form", ("AFFN", "DIF", "PAIRS"))
@pytest.mark.parametrize("end", ("", "##END\n", "##end=\n", "## END =\n", "##END= $$ done\n", "\x1a"))
def test_the_end_of_a_jcamp_may_be_written_otherwise(form, end, tmp_path):
    text = "$$ remark\n$$ remark\n$$ remark\n$$ remark\n" + jcamp(form).decode().replace("##END=\n", end)
    (one,) = read(tmp_path, text)
    assert same(one, tolerance=1e-5)
    assert [flag for flag in one.meta["flags"] if "##END=" in flag] or "##" in end


@pytest.mark.parametrize("form", ("AFFN", "DIF", "PAIRS"))
def test_a_jcamp_without_end_must_be_whole(form, tmp_path):
    text = jcamp(form).decode().replace("##END=\n", "")
    lines = text.splitlines()
    assert "cut off" in refused(tmp_path, "\n".join(lines[:-1]) + "\n")
    (one,) = read(tmp_path, text.rstrip("\n"))
    assert one.wavenumber[0] == WN[-2] and any("left out" in flag for flag in one.meta["flags"])


@pytest.mark.parametrize("value", ("@", "A0", "B000", "b5"))
@pytest.mark.parametrize("end", ("##END=\n", ""))
def test_a_check_line_after_all_points_changes_nothing(value, end, tmp_path):
    text = jcamp("DIF").decode().replace("##END=\n", f"{WN[-1]:g}{value}\n{end}")
    (one,) = read(tmp_path, text)
    assert same(one, tolerance=1e-5) and any("check line" in flag for flag in one.meta["flags"])


def test_a_line_that_contradicts_in_the_middle_is_refused(tmp_path):
    lines = jcamp("DIF").decode().splitlines()
    for i in (20, 30, 60):
        start, rest = lines[i].split("B", 1) if "B" in lines[i] else lines[i].split("A", 1)
        changed = [*lines[:i], f"{start}C{rest}", *lines[i + 1 :]]
        assert "ended at" in refused(tmp_path, "\n".join(changed) + "\n")


@pytest.mark.parametrize("version", (0x4B, 0x4C))
@pytest.mark.parametrize("count", (0, 1, 7))
@pytest.mark.parametrize("exponent", (2, -128))
def test_without_its_flag_the_count_of_spc_is_not_used(version, count, exponent, tmp_path):
    raw = spc(version, exponent=exponent)
    raw = raw[:24] + struct.pack("<>"[version == 0x4C] + "I", count) + raw[28:]
    (one,) = read(tmp_path, raw, "x.spc")
    assert same(one) and bool(one.meta["flags"]) == (count > 1)


@pytest.mark.parametrize("version", (0x4B, 0x4C))
@pytest.mark.parametrize("directory", (True, False))
def test_spc_with_an_axis_for_each_spectrum(version, directory, tmp_path):
    raw = spc(version, own_axis=True, many=3)
    if not directory:
        raw = raw[:4] + bytes(4) + raw[8:]
    assert [same(one) for one in read(tmp_path, raw)] == [True] * 3
    assert "cut off" in refused(tmp_path, raw[:2000])


@pytest.mark.parametrize("exponent", (-128, 128, 2))
def test_old_spc(exponent, tmp_path):
    raw = spc(0x4D, exponent=-128 if exponent == 128 else exponent)
    if exponent == -128 or exponent == 128:
        values = AB.astype("<f4").tobytes()
        raw = raw[:256] + values
    if exponent == 128:
        raw = raw[:2] + struct.pack("<h", 128) + raw[4:]
    assert same(read(tmp_path, raw)[0])


def test_an_old_spc_of_impossible_numbers_is_refused(tmp_path):
    "Found by 20 000 damaged files: a power of two and a number of points that no float holds"
    old = spc(0x4D)
    for place, form, value in ((2, "<h", 2000), (2, "<h", -3000), (4, "<f", np.inf), (4, "<f", np.nan)):
        number = struct.pack(form, value)
        assert "damaged" in refused(tmp_path, old[:place] + number + old[place + len(number) :])


@pytest.mark.parametrize("mark", (",", "\t"))
def test_a_point_outside_the_range_among_the_others_is_refused(mark, tmp_path):
    rows = [f"{x:g}{mark}{y:.5f}" for x, y in zip(WN, AB, strict=True)]
    rows[200] = "1" + rows[200]
    assert "comes back" in refused(tmp_path, f"cm-1{mark}A\n" + "\n".join(rows))


def compound_file(*streams):
    "The first kilobyte of a compound file"
    names = b"".join((name + "\0").encode("utf-16-le").ljust(128, b"\0") for name in streams)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + names + bytes(512)


def archive(*names):
    "A zip archive of empty files"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out:
        for name in names:
            out.writestr(name, b"")
    return made.getvalue()


FAMILIES = {
    "pe.jws": (compound_file(), "JASCO"),
    "PE.JWS": (compound_file("Root Entry", "DataInfo", "Y-Data"), "JASCO"),
    "old.xls": (compound_file("Root Entry", "Workbook"), "Excel"),
    "tile.bsp": (compound_file(), "Agilent"),
    "mosaic.dmt": (compound_file("Root Entry", "Spectra", "IndexTable"), "Agilent"),
    "uv.spc": (compound_file(), "Shimadzu"),
    "ir.ispd": (compound_file(), "Shimadzu"),
    "nameless": (compound_file(), "JASCO (.jws), Agilent (.bsp, .dmt), Shimadzu"),
    "first.jws": (b"L~S " + bytes(999), "JASCO"),
    "image.fsm": (b"PEPEDataSet - 4DConst3DInterval".ljust(44, b"\0") + bytes(99), "PerkinElmer image"),
    "line.lsc": (b"PEPE3D constant interval DataSet".ljust(44, b"\0") + bytes(99), "PerkinElmer data set"),
    "a.map": (b"Spectral Data File".ljust(3000, b"\0"), "OMNIC map"),
    "b.map": (b"\1\2\3\4" + bytes(999), "OMNIC map"),
    "run.srs": (b"Spectral Exte File".ljust(3000, b"\0"), "time series"),
    "cube.hdr": (b"ENVI\nsamples = 4\nlines = 4\n", "ENVI image"),
    "AB_0000_0000.dmd": (bytes(100) + AB.astype("<f4").tobytes(), "Agilent"),
    "tile.seq": (bytes(100) + AB.astype("<f4").tobytes(), "Agilent"),
    "map.h5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5"),
    "map.nc": (b"CDF\x01" + bytes(99), "netCDF"),
    "map.wip": (b"WIT_PR06" + bytes(99), "WITec"),
    "map.wdf": (b"WDF1" + bytes(99), "Renishaw"),
    "map.ngs": (b"NGSNextGen\x01\0\0\0" + bytes(99), "Horiba"),
    "map.l6s": (b"\3\0\0\0" + bytes(99), "Raman"),
    "gamma.spc": (b"\1\0\0\0" + bytes(99), "Galactic SPC"),
    "picture.spc": (b"BM" + struct.pack("<IIII", 400, 0, 54, 40) + bytes(380), "picture"),
    "scan.tif": (b"MM\0*" + bytes(400), "picture"),
    "login.csv": (b"<!DOCTYPE html>\n<html>", "web page"),
    "labspec.xml": (b'<?xml version="1.0"?>\n<LSX/>', "XML"),
    "many.zip": (archive("a.spa", "b.spa"), "zip archive"),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_named_before_a_fault(name, tmp_path):
    raw, words = FAMILIES[name]
    reason = refused(tmp_path, raw, name)
    assert words in reason and "; " in reason
    assert "damaged" not in reason or name == "gamma.spc"


def test_the_numbers_of_an_envi_image_are_named(tmp_path):
    for suffix in (".dat", ".img", ".raw", ""):
        for header in (f"cube{suffix}.hdr", "cube.hdr"):
            (tmp_path / header).write_text("ENVI\nsamples = 4\n")
            for raw in (AB.astype("<f4").tobytes(), b"\0K" + bytes(999)):
                assert "whose header is cube" in refused(tmp_path, raw, "cube" + suffix)
            (tmp_path / header).unlink()
    (tmp_path / "cube.hdr").write_text("ENVI\nsamples = 4\n")
    table = "cm-1,A\n" + "\n".join(f"{x},{y}" for x, y in zip(WN, AB, strict=True))
    assert same(read(tmp_path, table, "cube.csv")[0])  # a table beside an image is a table


def test_an_image_too_large_to_read_is_named(tmp_path):
    for name, start in (("map.fsm", b"WDF1"), ("AB.dmd", b"\0\0\0\0"), ("big.h5", b"\x89HDF")):
        with open(tmp_path / name, "wb") as sparse:
            sparse.write(start)
            sparse.truncate(core._MAX_BYTES + 1)
        with pytest.raises(SpectrumFormatError) as error:
            read_spectra(tmp_path / name)
        assert "Write fewer spectra" not in error.value.reason


def test_every_reader_gives_title_and_fields(tmp_path):
    for raw in (jcamp(), opus(), omnic(), spc(), spc(0x4D), perkinelmer(), labelled()):
        meta = read(tmp_path, raw)[0].meta
        assert isinstance(meta["title"], str) and isinstance(meta["fields"], dict), meta["format"]
    (one,) = read(tmp_path, with_header().replace("##XUNITS", "##SAMPLE DESCRIPTION=film 7\n##XUNITS"))
    assert one.meta["fields"] == {"SAMPLE DESCRIPTION": "film 7"}
    more = pe_block(-29827, pe_text(b"film 8"))
    assert read(tmp_path, perkinelmer() + more)[0].meta["title"] == "film 8"
