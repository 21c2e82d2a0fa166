"Scales that stand in the file, and writing on the picture: cases that came in, and others of their kind"

import base64
import io
import time

import numpy as np
import pytest
import tifffile
from conftest import ROOT
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from microplastic_aging.micrographs.core import Micrograph, read_micrograph
from microplastic_aging.micrographs.overlay import find_overlay
from microplastic_aging.micrographs.pixels import MicrographFormatError
from microplastic_aging.micrographs.surface import surface_numbers

CASES = next((p / "shared/cases" for p in ROOT.parents if (p / "shared/cases").is_dir()), None)
SEM_FILES = next((p / "shared/data/sem_files" for p in ROOT.parents if (p / "shared/data/sem_files").is_dir()), None)
FONT = font_manager.findfont("DejaVu Sans")


def case(name):
    "A file that came in, read in place"
    if CASES is None or not (CASES / name).is_file():
        pytest.skip(f"shared/cases/{name} is not beside this repository")
    return CASES / name


SCALES = {  # file -> µm per px, rows of bar
    "C74_fei_base64_xml.tif": (0.016, 0),
    "C76_fei_only_horfieldsize.tif": (414.7 / 1536, 68),
    "C78_phenom_um.tif": (0.694952, 64),
    "C79c_jeol_marker_and_mag_only.tif": (0.2, 0),
    "C82_imagej_micron.tif": (0.0372, 0),
}


@pytest.mark.parametrize("name", SCALES)
def test_scale_of_case(name):
    read = read_micrograph(case(name))
    um, bar = SCALES[name]
    assert read.um_per_px == pytest.approx(um, rel=0.005)
    assert read.meta.bar_rows == bar


def test_bar_of_case():
    read = read_micrograph(case("C84_blurred_dark_bar.png"), scale_bar_um=0.5)
    assert read.um_per_px == pytest.approx(0.5 / 81, rel=0.005)
    assert read.hidden[497:501, 15:96].all() and read.hidden.mean() < 0.02


def test_writing_of_case_is_left_out():
    read = read_micrograph(case("C85_overlay_without_strip.png"), 0.2)
    clean = read_micrograph(case("C85_reference_without_overlay.png"), 0.2)
    drawn = np.abs(np.asarray(Image.open(case("C85_overlay_without_strip.png")), np.float32) - 255 * clean.image) > 0.5
    assert clean.hidden is None and read.hidden[drawn].all() and "writing is drawn" in read.meta.flags[0]
    with_writing, without = surface_numbers(read), surface_numbers(clean)
    assert with_writing["crack_density_um_per_um2"] == pytest.approx(without["crack_density_um_per_um2"], rel=0.02)
    assert with_writing["groove_density_um_per_um2"] == pytest.approx(without["groove_density_um_per_um2"], rel=0.1)
    assert with_writing["groove_direction_deg"] == pytest.approx(without["groove_direction_deg"], abs=10)
    assert "writing on" in with_writing["flags"]


# Others of the kind: scales


def surface(height=240, width=320, seed=0, blur=1.6):
    "Rough grey, uint8"
    rng = np.random.default_rng(seed)
    relief = ndimage.gaussian_filter(rng.normal(0, 1, (height, width)), blur)
    return np.clip(115 + 25 * relief / relief.std() + rng.normal(0, 3, relief.shape), 0, 255).astype(np.uint8)


def tiff(tags=(), image=None, **options):
    "Content of a TIFF with makers' tags"
    file = io.BytesIO()
    extra = [(tag, 7, len(content), content, True) for tag, content in tags]
    tifffile.imwrite(file, surface() if image is None else image, extratags=extra, metadata=None, **options)
    return file.getvalue()


def memento(unit, number):
    "Nested entries as base64"
    entries = (
        "<string>PixelSize</string><x/><string>Width</string><v><MementoItemUnit>MementoItemUnit{}</MementoItemUnit>"
    )
    return base64.b64encode(f"<?xml version='1.0'?>{entries.format(unit)}<anyType>{number}</anyType></v>".encode())


def fei(**keys):
    "Settings of an FEI microscope for 320 × 240 px"
    lines = "\r\n".join(f"{key}={value}" for key, value in keys.items())
    return f"[Scan]\r\nPixelWidth=\r\n{lines}\r\n[Image]\r\nResolutionX=320\r\nResolutionY=240\r\n".encode()


PHENOM = '<?xml version="1.0"?><FeiImage><pixelWidth unit="{}">{}</pixelWidth></FeiImage>'
ZEISS = "0\r\n0\r\n0\r\n0\r\n2\r\nAP_WIDTH\r\nWidth = 16.0 µm\r\nDP_IMAGE_STORE\r\nStore resolution = 320 * 240"
OME = '<OME><Image><Pixels SizeX="320" SizeY="240" PhysicalSizeX="{}" PhysicalSizeXUnit="{}"/></Image></OME>'
IN_TIFF = {  # every one is of 0.05 µm per px
    "base64, metres": [(34680, memento("Meter", "5E-08"))],
    "base64, nanometres": [(34680, memento("Nanometer", "50"))],
    "base64, micrometres": [(34680, memento("Micrometer", "0.05"))],
    "field of the scan": [(34682, fei(HorFieldsize="1.6e-005"))],
    "field of the beam": [(34680, fei() + b"[EBeam]\r\nHFW=16e-6\r\n")],
    "field with a comma": [(34682, fei(HorFieldsize="1,6e-05"))],
    "Phenom, nm": [(34683, PHENOM.format("nm", 50).encode())],
    "Phenom, mm": [(34683, PHENOM.format("mm", 5e-5).encode())],
    "Phenom, m": [(34683, PHENOM.format("m", 5e-8).encode())],
    "Phenom, µm": [(34683, PHENOM.format("µm", 0.05).encode())],
    "Zeiss, latin-1": [(34118, ZEISS.encode("latin-1"))],
    "Zeiss, utf-8": [(34118, ZEISS.encode())],
    "Zeiss, mac": [(34118, ZEISS.encode("mac-roman"))],
    "TESCAN": [(50431, b"\2\0\r\n[MAIN]\r\nPixelSizeX=5e-8\r\nPixelSizeY=5e-8\r\n")],
}


@pytest.mark.parametrize("way", IN_TIFF)
def test_scale_in_tags(way, tmp_path):
    (tmp_path / "x.tif").write_bytes(tiff(IN_TIFF[way]))
    assert read_micrograph(tmp_path / "x.tif").um_per_px == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("unit, number", [("µm", 0.05), ("&#181;m", 0.05), ("nm", 50), ("mm", 5e-5), ("Å", 500)])
def test_ome(unit, number, tmp_path):
    (tmp_path / "x.tif").write_bytes(tiff(description=OME.format(number, unit).encode()))
    assert read_micrograph(tmp_path / "x.tif").um_per_px == pytest.approx(0.05)


IMAGEJ = [("um", 20, 0.05), ("\\u00B5m", 20, 0.05), ("microns", 20, 0.05), ("nm", 0.02, 0.05), ("inch", 508_000, 0.05)]
IMAGEJ += [("pixel", 300, None), ("mm", 20, 50), ("", 300, None)]


@pytest.mark.parametrize("unit, per_unit, um", IMAGEJ)
@pytest.mark.parametrize("order", "<>")
def test_imagej(unit, per_unit, um, order, tmp_path):
    text = f"ImageJ=1.54f\nimages=1\nunit={unit}\n".encode()
    per_unit = (per_unit, 1) if per_unit == int(per_unit) else (int(per_unit * 1000), 1000)
    options = {"resolution": (per_unit, per_unit), "byteorder": order, "resolutionunit": 1}
    (tmp_path / "x.tif").write_bytes(tiff(description=text, **options))
    assert read_micrograph(tmp_path / "x.tif").um_per_px == (um if um is None else pytest.approx(um))


@pytest.mark.parametrize("place", ["before", "after"])
def test_phenom_in_jpeg(place, tmp_path):
    file, xml = io.BytesIO(), PHENOM.format("um", 0.05).encode()
    Image.fromarray(surface()).save(file, "JPEG", **({"comment": xml} if place == "before" else {}))
    (tmp_path / "x.jpg").write_bytes(file.getvalue() + (xml if place == "after" else b""))
    assert read_micrograph(tmp_path / "x.jpg").um_per_px == pytest.approx(0.05)


BESIDE = {
    "JEOL, pixel size": "$CM_FULL_SIZE 320 240\n$CM_PIXEL_SIZE 50nm\n",
    "JEOL, field": "$CM_IMAGE_SIZE 320 240\n$CM_FIELD_OF_VIEW 16.0µm 12.0µm\n",
    "JEOL, bar": "$CM_FULL_SIZE 320 240\n$$SM_MICRON_BAR 100\n$$SM_MICRON_MARKER 5um\n",
    "Hitachi S-4700": "[SemImageFile]\nInstructName=S-4700\nDataSize=320x240\nMagnification=7937\nMicronMarker=5000\n",
}


@pytest.mark.parametrize("way", BESIDE)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_scale_in_side_file(way, encoding, tmp_path):
    (tmp_path / "x.txt").write_bytes(BESIDE[way].encode(encoding))
    (tmp_path / "x.tif").write_bytes(tiff())
    assert read_micrograph(tmp_path / "x.tif").um_per_px == pytest.approx(0.05, rel=1e-3)


def barred(length, ink=255, at=(200, 40), **options):
    "A surface with a bar drawn on it"
    grey = surface(**options)
    grey[at[0] : at[0] + 5, at[1] : at[1] + length] = ink
    return grey


MARKER = "$CM_MAG {}\n$CM_FULL_SIZE 320 240\n$$SM_MICRON_MARKER 20um\n"


@pytest.mark.parametrize("length, ink, at", [(100, 255, (200, 40)), (160, 0, (12, 90)), (80, 250, (120, 200))])
def test_marker_and_drawn_bar(length, ink, at, tmp_path):
    "The side file says how long the bar is; the picture, how many pixels; the magnification checks both"
    um = 20 / length
    (tmp_path / "x.tif").write_bytes(tiff(image=barred(length, ink, at)))
    (tmp_path / "x.txt").write_text(MARKER.format(round(128_000 / 320 / um)))
    agreed = read_micrograph(tmp_path / "x.tif")
    assert agreed.um_per_px == pytest.approx(um, rel=0.02) and len(agreed.meta.flags) == 1
    (tmp_path / "x.txt").write_text(MARKER.format(round(64_000 / 320 / um)))
    assert any("by the magnification" in flag for flag in read_micrograph(tmp_path / "x.tif").meta.flags)
    (tmp_path / "x.txt").write_text(MARKER.format(500) + "$$SM_MICRON_BAR 60\n")
    assert any("by another way" in flag for flag in read_micrograph(tmp_path / "x.tif").meta.flags)
    (tmp_path / "x.tif").write_bytes(tiff())
    (tmp_path / "x.txt").write_text(MARKER.format(500))
    missing = read_micrograph(tmp_path / "x.tif")
    assert missing.um_per_px is None and "no scale bar was recognised" in missing.meta.flags[0]


@pytest.mark.parametrize("um, meant", [(200, "0.2"), (2e-7, "0.2"), (500, "0.5")])
def test_scale_in_the_wrong_unit_is_named(um, meant, tmp_path):
    (tmp_path / "x.tif").write_bytes(tiff())
    with pytest.raises(MicrographFormatError, match=f"then give um_per_px={meant}"):
        read_micrograph(tmp_path / "x.tif", um)
    (tmp_path / "x.tif").write_bytes(tiff([(34683, PHENOM.format("mm", 0.5).encode())]))
    read = read_micrograph(tmp_path / "x.tif")
    assert read.um_per_px is None and "gives a field of 160 mm" in read.meta.flags[0]


# Others of the kind: writing


def written(grey, ink, at, box=None, outline=None, bar=90):
    "Letters and a bar of 90 px on a surface, in colour, and where it differs"
    picture = Image.fromarray(np.dstack([grey] * 3))
    draw, (x, y) = ImageDraw.Draw(picture), at
    if box:
        draw.rectangle([x - 6, y - 4, x + 134, y + 42], fill=box)
    style = {"stroke_width": 2, "stroke_fill": outline} if outline else {}
    draw.text((x, y), "15kV x500", fill=ink, font=ImageFont.truetype(FONT, 20), **style)
    if outline:
        draw.rectangle([x - 2, y + 28, x + bar + 1, y + 36], fill=outline)
    draw.rectangle([x, y + 30, x + bar - 1, y + 34], fill=ink)
    stored = np.array(picture)
    return stored, (np.abs(stored.astype(int) - grey[..., None]) > 12).any(2)


STYLES = {
    "white": {"ink": "white"},
    "black": {"ink": "black"},
    "red": {"ink": "red"},
    "green": {"ink": (0, 200, 0)},
    "outlined": {"ink": "white", "outline": "black"},
    "boxed": {"ink": "black", "box": "white"},
    "boxed, black": {"ink": "white", "box": "black"},
}
CORNERS = {"lower left": (12, 190), "upper right": (180, 10), "middle": (90, 100)}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_writing_is_found(style, corner, kind, tmp_path):
    grey = surface(seed=len(style) + len(corner))
    stored, drawn = written(grey, at=CORNERS[corner], **STYLES[style])
    Image.fromarray(stored).save(tmp_path / "x", kind, **({"quality": 92} if kind == "JPEG" else {}))
    read = read_micrograph(tmp_path / "x", scale_bar_um=45)
    assert (read.hidden & drawn).sum() >= 0.97 * drawn.sum() and read.hidden.mean() < 0.12
    assert any("writing is drawn" in flag for flag in read.meta.flags)
    assert read.um_per_px is None or read.um_per_px == pytest.approx(0.5, rel=0.03)
    if kind == "PNG":
        assert read.um_per_px is not None
        assert np.array_equal(np.round(255 * read.image)[~read.hidden], grey[~read.hidden])


@pytest.mark.parametrize("spoil", ["gap", "fade", "blur"])
def test_a_bar_is_whole_or_not_recognised(spoil, tmp_path):
    grey = barred(120)
    if spoil == "gap":
        grey[200:205, 90:105] = grey[100:105, 90:105]
    elif spoil == "fade":
        grey[200:205, 40:160] = np.linspace(255, 115, 120)
    else:
        grey[190:215, 20:180] = ndimage.gaussian_filter(grey[190:215, 20:180].astype(float), 1.0)
    Image.fromarray(grey).save(tmp_path / "x.png")
    um = read_micrograph(tmp_path / "x.png", scale_bar_um=60).um_per_px
    assert um is None or um == pytest.approx(0.5, rel=0.03)


def in_jpeg(grey, quality):
    "A picture after it was saved as JPEG"
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


RESTS = (
    "short rest in coarse noise",
    "short rest that touches a spot",
    "short rest with a scratch",
    "two gaps, and a line beside it",
    "spots, and a line beside it",
)


def short_rests(spoil):
    "A bar of which short parts stand behind gaps, or that spots spoilt, in noise and not in relief"
    rng = np.random.default_rng(0)
    grey = np.clip(rng.normal(120, 24 if "noise" in spoil else 10, (240, 320)), 0, 255).astype(np.uint8)
    grey[200:205, 40:160] = 230
    if spoil.startswith("short rest"):
        grey[198:207, 43 if "touches" in spoil else 46 : 56] = 110  # Some pixels are left of one end
    if "noise" in spoil:
        grey[201:204, 16:18] = [[120, 190], [190, 120], [190, 120]]  # No letter
    elif "touches" in spoil:
        grey[199, 43] = 230
    elif "scratch" in spoil:
        grey[188:217, 42:44] = 230
    elif "gaps" in spoil:
        grey[198:207, 52:60] = grey[198:207, 72:160] = 110  # Twelve pixels twice are left
        grey[60:65, 40:200] = 230
    else:
        grey[200:205, 40:160][rng.random((5, 120)) < 0.02] = 15
        grey[205:207, 80:90] = grey[205:207, 100:110] = 230
        grey[60:65, 40:200] = 230
    return grey


def spoilt_bar(spoil):
    "A surface with a bar of 120 px on it that lost something, or that is soft beside a whole line as thick"
    grey = barred(120, 230)
    if spoil == "gap near one end":
        grey[198:207, 140:150] = 120
    elif spoil == "two pixels left of an end":
        grey[198:207, 150:158] = 120
    elif spoil == "one tick":
        grey[196:209, 40:43] = 230
    elif spoil in RESTS:
        return short_rests(spoil)
    elif spoil == "ticks of a label":
        grey = barred(120, 255)
        grey[196:222, 120:122] = 255  # A scratch
        for column in range(40, 130, 9):
            grey[183:193, column : column + 2] = 255
    else:
        grey = in_jpeg(grey, 40)
        grey[60:65, 40:200] = 230
    return grey


SPOILT = (
    "gap near one end",
    "two pixels left of an end",
    "one tick",
    "soft, and a line beside it",
    "ticks of a label",
    *RESTS,
)


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_damaged_bar_is_flagged(spoil, tmp_path):
    Image.fromarray(spoilt_bar(spoil)).save(tmp_path / "x.png")
    read = read_micrograph(tmp_path / "x.png", scale_bar_um=60)
    assert read.um_per_px is None and "no scale bar was recognised" in read.meta.flags[0]


@pytest.mark.parametrize("text", ["10 nm.", "1-5 µm", "x500"])
@pytest.mark.parametrize("thick", [3, 5])
def test_words_do_not_continue_a_bar(text, thick, tmp_path):
    grey = Image.fromarray(surface())
    draw, font = ImageDraw.Draw(grey), ImageFont.truetype(FONT, 20)
    draw.rectangle([100, 200, 199, 200 + thick - 1], fill=255)
    draw.text((206, 188), text, fill=255, font=font)
    draw.text((94, 188), text, fill=255, font=font, anchor="ra")
    grey.save(tmp_path / "x.png")
    assert read_micrograph(tmp_path / "x.png", scale_bar_um=50).um_per_px == pytest.approx(0.5, rel=0.02)


def test_bare_surfaces_keep_every_pixel():
    from microplastic_aging.simulate.benchmark import simulate_samples

    bare = [surface(seed=seed, blur=blur) for seed in range(2) for blur in (0.8, 2.5, 6)]
    for image in [*simulate_samples(24, seed=12).image, *bare]:
        assert find_overlay(image).mask is None


def test_real_micrographs_keep_every_pixel():
    "Two figures of the folder carry red marks of their authors: there, and only there, something is drawn"
    if SEM_FILES is None:
        pytest.skip("shared/data/sem_files, which holds the real files, is not beside this repository")
    paths = [p for p in SEM_FILES.glob("*/*") if p.suffix in (".tif", ".bmp", ".jpg", ".png")]
    drawn = {path.name for path in paths if read_micrograph(path).hidden is not None}
    assert drawn == {"detection.png", "review.png"}


# Time


@pytest.mark.parametrize("um", [0.001, 0.02, 5.0])
def test_measures_at_any_scale_take_seconds(um):
    image = np.tile(surface(256, 256), (4, 4)) / np.float32(255)
    start = time.process_time()
    numbers = surface_numbers(Micrograph(image, um), None)
    assert time.process_time() - start < 5
    assert numbers["um_per_px"] >= um and ("measured at" in numbers["flags"]) == (um < 0.1)
