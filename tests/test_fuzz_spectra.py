"Whatever the bytes, reading gives sound spectra or `SpectrumFormatError`, soon, and without asking for gigabytes"

import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microplastic_aging.spectra.core import Spectrum, read_spectra, to_grid
from microplastic_aging.spectra.units import SpectrumFormatError

sys.path.insert(0, str(Path(__file__).parent))
from spectra_files import damage, seeds

EXAMPLES, SECONDS, MEGABYTES = 300, 5, 1000
SEEDS = seeds()
EDIT = st.tuples(st.integers(0, 6), st.floats(0, 1, exclude_max=True), st.integers(0, (1 << 32) - 1))
EDITS = st.lists(EDIT, min_size=1, max_size=6)
CHECKS = list(HealthCheck)
SETTINGS = settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=CHECKS)
SELF_MEASURING = ["Bruker OPUS", "Thermo OMNIC", "Galactic SPC", "PerkinElmer SP", "JCAMP-DX", "Agilent ASP", "lists"]


class Hang(BaseException):
    "Reading took too long; no handler of errors may swallow it"


def peak_megabytes():
    "The most memory this process has held"
    resource = pytest.importorskip("resource")
    units_per_megabyte = 1 << (20 if sys.platform == "darwin" else 10)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / units_per_megabyte


def check(path):
    "Read a file; anything but sound spectra or the one error fails"
    try:
        spectra = read_spectra(path)
    except SpectrumFormatError as error:
        assert error.reason and str(path) in str(error)
        return
    assert spectra and all(type(one) is Spectrum for one in spectra)
    for one in spectra[:5]:
        check_spectrum(one)


def check_spectrum(one):
    "Rising axis within the margin, finite absorbance within ±10, flags"
    wn, ab = one.wavenumber, one.absorbance
    assert wn.shape == ab.shape
    assert np.isfinite(ab).all() and np.abs(ab).max() <= 10
    assert (np.diff(wn) > 0).all() and wn[0] >= 350 and wn[-1] <= 4050
    assert isinstance(one.meta["flags"], list)
    assert np.isfinite(to_grid(one)[0]).all()


def timed(path):
    "`check`, with an alarm where the system has one"
    if not hasattr(signal, "setitimer"):
        return check(path)

    def ring(*_):
        raise Hang(f"reading took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        check(path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("form", SEEDS)
def test_whole_files_are_read(form, tmp_path):
    for i, raw in enumerate(SEEDS[form]):
        (tmp_path / "whole").write_bytes(raw)
        try:
            assert all(type(one) is Spectrum for one in read_spectra(tmp_path / "whole"))
        except SpectrumFormatError as error:
            assert form == "Galactic SPC" and "counts" in error.reason, (form, i, error)  # the Raman file


@pytest.mark.parametrize("form", SEEDS)
def test_damaged_files_give_spectra_or_the_error(form, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "damaged"
    for raw in SEEDS[form]:
        path.write_bytes(raw)
        timed(path)  # imports and caches are not what is measured
    before = peak_megabytes()

    @SETTINGS
    @given(st.sampled_from(SEEDS[form]), EDITS)
    def run(raw, edits):
        path.write_bytes(damage(raw, edits))
        timed(path)

    run()
    assert peak_megabytes() - before < MEGABYTES


@pytest.mark.parametrize("form", SELF_MEASURING)
def test_a_cut_file_is_refused(form, tmp_path):
    "Formats that say how long they are: no cut gives a spectrum in silence"
    for raw in SEEDS[form][:2]:
        for place in np.linspace(4, len(raw) - 12, 40).astype(int):
            (tmp_path / "cut").write_bytes(raw[:place])
            try:
                flags = read_spectra(tmp_path / "cut")[0].meta["flags"]
            except SpectrumFormatError:
                continue
            assert any("cut off" in flag for flag in flags), place  # text, cut within its last number
