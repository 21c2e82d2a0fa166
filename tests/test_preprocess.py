"What scikit-learn asks of an estimator, every step; and that no fitted number comes from the rows"

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from microplastic_aging.aging import InputError
from microplastic_aging.spectra.corrections import (
    CorrectATR,
    FlattenCO2,
    RemoveBaseline,
    Resample,
    SubtractVapour,
    barnes_1989,
    standard_recipe,
)
from microplastic_aging.spectra.transforms import (
    SNV,
    BandNorm,
    CutRange,
    Detrend,
    SavGol,
    VectorNorm,
    WithAxis,
    axis_of,
    to_table,
)

AXIS = np.arange(600.0, 4001, 4)
REFERENCE = to_table(AXIS, np.cos(AXIS / 9) ** 8)
STEPS = [
    CutRange(700, 3900),
    Resample(AXIS[5:-5]),
    FlattenCO2(),
    SubtractVapour(REFERENCE),
    CorrectATR(),
    SavGol(40),
    RemoveBaseline(),
    RemoveBaseline("mor", options=dict(half_window=20)),
    SNV(),
    VectorNorm(),
    BandNorm(missing="mask"),
    Detrend(),
]


def name(step):
    return type(step).__name__


def spectra(n, seed=0):
    rng = np.random.default_rng(seed)
    places, widths = rng.uniform(700, 3900, (2, n, 1, 8))[0], rng.uniform(15, 80, (n, 1, 8))
    return (
        0.05
        + np.exp(-(((AXIS[None, :, None] - places) / widths) ** 2)).sum(2)
        + 0.002 * rng.normal(size=(n, AXIS.size))
    )


# ---- scikit-learn's own checks

REFUSALS = (
    "needs the wavenumber axis",
    "axis has 851 points",
    "vapour reference must be",
)  # a bare array has no axis, or another number of points


@pytest.mark.parametrize("step", STEPS + [WithAxis(AXIS)], ids=name)
@pytest.mark.filterwarnings("ignore")
def test_estimator_checks(step):
    "Steps that need no axis pass all; the others fail only where they are handed bare arrays"

    def reasons(error):
        while error is not None:
            yield str(error)
            error = error.__cause__ or error.__context__

    failed = {
        c["check_name"]: c["exception"]
        for c in check_estimator(step, on_fail=None, on_skip=None)
        if c["status"] == "failed"
    }
    if isinstance(step, (SNV, VectorNorm)):
        assert not failed
    for check, error in failed.items():
        told = " / ".join(reasons(error))
        assert any(r in told for r in REFUSALS), f"{check}: {told}"


# ---- axis, folds, masks


@pytest.mark.parametrize("step", STEPS, ids=name)
def test_fit_learns_the_axis_and_nothing_of_the_rows(step):
    one, other = (clone(step).fit(to_table(AXIS, spectra(6, seed))) for seed in (1, 2))
    for key in vars(one):
        assert_same(vars(one)[key], vars(other)[key], key)


def assert_same(a, b, key):
    if isinstance(a, (pd.DataFrame, np.ndarray, list, tuple)):
        np.testing.assert_array_equal(np.asarray(a, dtype=object), np.asarray(b, dtype=object), err_msg=key)
    else:
        assert a == b, key


@pytest.mark.parametrize("step", STEPS, ids=name)
def test_masks_never_shrink(step):
    ab, rng = spectra(5), np.random.default_rng(3)
    mask = np.ones(ab.shape, bool)
    mask[1, :30] = mask[2, 200:230] = mask[3, -40:] = False
    mask[4] = rng.random(AXIS.size) > 0.02
    out = clone(step).fit_transform(to_table(AXIS, ab, mask))
    kept = np.isin(AXIS, axis_of(out))
    assert out.isna().to_numpy()[~mask[:, kept]].all(), "a masked point was filled"
    full = clone(step).fit_transform(to_table(AXIS, np.vstack([ab, np.full(AXIS.size, np.nan)])))
    assert full.iloc[5].isna().all() and not full.iloc[:5].isna().any(axis=None)
    wild = clone(step).fit_transform(to_table(AXIS, np.where(mask, ab, 1e6), mask))
    pd.testing.assert_frame_equal(wild, out)  # what stands under the mask has no say


@pytest.mark.parametrize("recipe", [standard_recipe, barnes_1989])
def test_recipes_cross_validate_on_arrays_and_tables(recipe):
    ab, y = spectra(24), np.arange(24.0)
    scores = [
        cross_val_score(make_pipeline(steps, Ridge()), x, y, cv=KFold(4))
        for steps, x in ((recipe(AXIS), ab), (recipe(), to_table(AXIS, ab)))
    ]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-6)


@pytest.mark.parametrize("step", STEPS, ids=name)
def test_tables_keep_names_and_set_output_works(step):
    table = to_table(AXIS, spectra(3), index=list("abc"))
    plain = clone(step).fit_transform(table)
    asked = clone(step).set_output(transform="pandas").fit_transform(table)
    assert list(plain.index) == list(asked.index) == list("abc")
    np.testing.assert_array_equal(axis_of(plain), axis_of(asked))
    np.testing.assert_array_equal([float(n) for n in step.fit(table).get_feature_names_out()], axis_of(plain))


@pytest.mark.parametrize(
    "bad",
    [np.zeros(5), np.zeros((2, 3, 4)), np.array([["a", "b"]]), np.full((2, AXIS.size), np.inf)],
    ids=["1-D", "3-D", "words", "infinite"],
)
def test_errors_are_for_the_user(bad):
    with pytest.raises(InputError):
        make_pipeline(WithAxis(AXIS), RemoveBaseline()).fit_transform(bad)
