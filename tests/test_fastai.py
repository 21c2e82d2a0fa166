"fastai's own verbs on this project's learner: a batch, results, the worst errors, a confusion matrix, one sample"

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest

from microplastic_aging.aging import InputError
from microplastic_aging.data.arrays import load_arrays
from microplastic_aging.data.manifest import read_samples
from microplastic_aging.micrographs.core import read_micrograph
from microplastic_aging.model.learner import aging_learner, only_modality
from microplastic_aging.model.loaders import aging_block, aging_dls
from microplastic_aging.simulate.benchmark import write_benchmark
from microplastic_aging.spectra.core import read_spectra

warnings.filterwarnings("ignore", category=FutureWarning, module="torch")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("fastai")]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    "16 simulated particles, half of them to validate on, and what they are as plain labels"
    folder = tmp_path_factory.mktemp("fastai") / "data"
    write_benchmark(folder, 16, progress=False)
    samples = read_samples(folder)
    return folder, samples, load_arrays(samples, 64, progress=False)


@pytest.fixture(scope="module", params=["fusion", "image", "spectrum"])
def learn(request, simulated):
    _, samples, arrays = simulated
    block = aging_block(only_modality(arrays, request.param), samples.y, samples.groups, samples.scheme)
    learn = aging_learner(aging_dls(block, range(8), range(8, 16), bs=4, device="cpu"), samples.scheme, request.param)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(1, 1e-3)
    yield learn
    plt.close("all")


def titles(fig):
    return [ax.get_title() for ax in fig.axes if ax.get_title()]


def test_classes_are_the_vocabulary(learn, simulated):
    scheme = simulated[1].scheme
    assert list(learn.dls.vocab) == list(scheme.classes)
    assert [learn.dls.vocab.o2i[c] for c in scheme.classes] == list(range(scheme.n))


def test_batches_and_results_show_micrograph_over_spectrum(learn):
    plt.close("all")
    shown = learn.dls.show_batch(max_n=3)
    rows = 2 if learn.model.modality == "fusion" else 1  # no half of the figure stays empty
    assert shown.shape == (rows, 3) and all(t in learn.dls.vocab.items for t in titles(plt.gcf()))
    notes = {text.get_text() for ax in plt.gcf().axes for text in ax.texts}
    assert not notes & {"no micrograph", "no spectrum"}
    pictured, measured = learn.model.modality != "spectrum", learn.model.modality != "image"
    assert any(note.endswith("µm") for note in notes) == pictured
    labels = [ax.get_xlabel() for ax in plt.gcf().axes if ax.get_xlim() == (4000, 600)]
    assert labels == ["Wavenumber (cm⁻¹)"] * 3 * measured
    with learn.no_bar():
        learn.show_results(max_n=2)
    assert len(titles(plt.gcf())) == 2 and all("\n→ " in t for t in titles(plt.gcf()))


def test_the_worst_errors_are_drawn_in_their_order(learn):
    from fastai.interpret import ClassificationInterpretation

    with learn.no_bar():
        found = ClassificationInterpretation.from_learner(learn)
        losses, rows = found.top_losses(3)
        found.plot_top_losses(3)
        drawn = titles(plt.gcf())
        assert [f"loss {float(v):.2f}" in t for v, t in zip(losses, drawn, strict=True)] == [True] * 3
        truth = [learn.dls.vocab[int(learn.dls.valid_ds[int(r)][2])] for r in rows]
        assert [t.split("\n")[0] for t in drawn] == truth
        found.plot_confusion_matrix()
    ticks = [t.get_text() for t in plt.gca().get_xticklabels()]
    assert ticks == list(learn.dls.vocab)  # and not the letters of a word


def test_a_sample_is_predicted_from_its_files(learn, simulated):
    folder, samples, _ = simulated
    row = 9
    image, spectrum = (folder / samples.table[m][row] for m in ("image", "spectrum"))
    image = read_micrograph(image, samples.table.um_per_px[row])  # a plain PNG names no scale
    given = dict(fusion=(image, spectrum), image=image, spectrum=read_spectra(spectrum)[0])[learn.model.modality]
    with learn.no_bar():
        name, number, prob = learn.predict(given)
        as_row = learn.predict(row)
    assert name == learn.dls.vocab[int(number)] and int(number) == int(prob.argmax())
    np.testing.assert_allclose(prob, as_row[2], atol=2e-3)
    with learn.no_bar(), pytest.raises(InputError, match="is no sample; give a row number, a file"):
        learn.predict(3.5)
