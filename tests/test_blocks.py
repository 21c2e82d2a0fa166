"A hundred thousand samples through `predict`: what is kept, what is computed anew, what stays the same"

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from microplastic_aging import blocks
from microplastic_aging.cli import app
from microplastic_aging.evaluated import PredictOptions
from microplastic_aging.predict import predict, predict_with
from microplastic_aging.simulate.spectra import simulate_spectrum, spectrum_specimen
from microplastic_aging.spectra.core import GRID

EACH, N = 128, 300
GOING_ON = "goes on where an earlier call stopped"


def run(*args):
    "One command line in this process"
    return CliRunner().invoke(app, [str(a) for a in args], prog_name="microplastic-aging")


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    "Three tables of simulated spectra, each of which is one block, and what is predicted of them at once"
    root, rng = tmp_path_factory.mktemp("field"), np.random.default_rng(0)
    (root / "data").mkdir()
    views = np.array([simulate_spectrum(rng, spectrum_specimen(rng, p), np.zeros(3)) for p in ("PE", "PP", "PS")])
    values = (views[np.arange(N) % 3] + rng.normal(0, 0.002, (N, GRID.size))).round(5)
    for i in range(0, N, EACH):
        table = pd.DataFrame(values[i : i + EACH], [f"p{k}" for k in range(i, min(N, i + EACH))], GRID)
        table.to_csv(root / f"data/table_{i}.csv", index_label="name")
    rows = [dict(sample_id=f"p{k}", spectrum=f"table_{k // EACH * EACH}.csv#p{k}") for k in range(N)]
    pd.DataFrame(rows).to_csv(root / "data/manifest.csv", index=False)
    assert run("predict", root / "data", "--out", root / "whole.csv").exit_code == 0
    return root


@pytest.fixture
def counted(monkeypatch):
    "Samples of each block that was computed; the list may hold the number of blocks after which the call is stopped"
    done, stop = [], []
    predicted = blocks.BlockRun.predicted

    def count(self, part, found):
        if stop and len(done) == stop[0]:
            raise KeyboardInterrupt
        done.append(len(part))
        return predicted(self, part, found)

    monkeypatch.setattr(blocks, "BLOCK", EACH)
    monkeypatch.setattr(blocks.BlockRun, "predicted", count)
    return done, stop


def test_a_stopped_predict_goes_on_where_it_was(field, counted):
    done, stop = counted
    stop.append(1)
    assert run("predict", field / "data", "--out", field / "p.csv").exit_code != 0
    assert [p.name[:6] for p in (field / ".p.partial").iterdir()] == ["block-"] and not (field / "p.csv").exists()
    stop.clear()
    done.clear()
    (field / "data/table_256.csv").touch()  # a block that was not reached: nothing is lost by it
    again = run("predict", field / "data", "--out", field / "p.csv")
    assert again.exit_code == 0 and GOING_ON in again.stderr, again.output
    assert done == [EACH, N - 2 * EACH]
    assert not (field / ".p.partial").exists()
    for kind in ("", "_specimens"):
        assert (field / f"p{kind}.csv").read_bytes() == (field / f"whole{kind}.csv").read_bytes()


def test_a_changed_file_costs_its_own_block(field, counted):
    done, _ = counted
    kept = field / ".kept"
    with pytest.warns(UserWarning):
        first = predict_with(field / "data", "default", PredictOptions(progress=False, partial=kept)).table
    text = (field / "data/table_0.csv").read_text().splitlines()
    changed = [text[0], text[1].replace("p0,", "p0,1", 1), *text[2:]]
    (field / "data/table_0.csv").write_text("\n".join(changed) + "\n")
    done.clear()
    with pytest.warns(UserWarning):
        second = predict_with(field / "data", "default", PredictOptions(progress=False, partial=kept)).table
    (field / "data/table_0.csv").write_text("\n".join(text) + "\n")
    assert done == [EACH]
    assert first.iloc[EACH:].equals(second.iloc[EACH:])
    assert first.carbonyl[0] != second.carbonyl[0]


def test_an_explanation_decodes_its_sample_again(field, counted):
    with pytest.warns(UserWarning):
        prediction = predict(field / "data", progress=False)
    one = prediction.explain("p200")
    assert abs(one.types.oxidised - prediction.table.oxidised_p[200]) < 1e-3
    assert one.image is None and np.isfinite(one.absorbance).all()
