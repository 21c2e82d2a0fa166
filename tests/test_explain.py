"`predict --explain` on files as instruments wrote them, and its maps against the masks that surface measurement finds"

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, call, said, tool

REAL = next((p / "shared/data" for p in ROOT.parents if (p / "shared/data").is_dir()), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("explain"),
    pytest.mark.skipif(REAL is None, reason="shared/data, which holds the real files, is not beside this repository"),
]
FILES = dict(
    zeiss="sem_files/zeiss_zeiss_tiff_meta_MIT/test.tif",
    fei="sem_files/fei_sem2surface_BSD3/P33_scale1_detectorA.tif",
    opus="ftir_files/openspecy_ccby4/ftir_ps.0",
    asp="ftir_files/openspecy_ccby4/ftir_ldpe_soil.asp",
)


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    kept = {name: shutil.copy(REAL / path, folder / f"{name}{Path(path).suffix}") for name, path in FILES.items()}

    def name(key):
        return Path(kept[key]).name

    pd.DataFrame(
        [
            dict(sample_id="both", specimen_id="a", image=name("zeiss"), spectrum=name("asp"), polymer="PE"),
            dict(sample_id="picture", specimen_id="a", image=name("fei"), spectrum="", polymer="PE"),
            dict(sample_id="spectrum", specimen_id="b", image="", spectrum=name("opus"), polymer="PS"),
        ]
    ).to_csv(folder / "manifest.csv", index=False)
    done = call(tool("microplastic-aging"), "predict", "manifest.csv", "--explain", cwd=folder)
    assert done.returncode == 0, said(done)
    return folder


def test_every_real_sample_has_its_reasons(explained):
    table, page = (
        pd.read_csv(explained / "predictions.csv"),
        (explained / "predictions_explained/index.html").read_text("utf-8"),
    )
    assert table.modalities_used.tolist() == ["image + spectrum", "image", "spectrum"]
    assert table.predicted_class.notna().tolist() == [True, True, False]  # a spectrum alone is handed over
    for row, sample in enumerate(table.sample_id, 1):
        assert list((explained / "predictions_explained").glob(f"{row}_{sample}_*.png")), sample
    assert (
        "simulated particles only" in page and "scale is unknown" not in page
    )  # both microscopes wrote it into the file


def test_real_files_of_another_kind_are_refused(explained):
    table, page = (
        pd.read_csv(explained / "predictions.csv").set_index("sample_id"),
        (explained / "predictions.html").read_text("utf-8"),
    )
    judged = table[table.judged_by == "model"]
    assert judged.index.tolist() == ["both", "picture"] and not judged.in_distribution.any()
    assert judged.verdict.isna().all() and judged.note.str.contains("out of distribution").all()
    assert table.verdict["spectrum"] == "not measurably oxidised" and table.judged_by["spectrum"] == "oxidation reader"
    assert "silicate" in table.confounders["both"]  # low-density polyethylene with soil
    assert (
        pd.read_csv(explained / "predictions_specimens.csv").specimen_id.tolist() == ["a", "b"]
        and "2 out of distribution" in page
        and "a share takes 10 and 30%" in page
        and "over its bands lie silicate" in table.note["both"]
    )


def test_maps_of_real_pictures_meet_the_masks_that_are_found(explained):
    import torch

    from microplastic_aging.aging import SURFACE_FEATURES
    from microplastic_aging.explain.maps import evidence_maps
    from microplastic_aging.explain.scores import localisation_scores, mask_fraction
    from microplastic_aging.micrographs.core import Micrograph, read_micrograph, to_view
    from microplastic_aging.micrographs.masks import surface_masks
    from microplastic_aging.model.store import DEFAULT_MODEL, load_model

    net = load_model(DEFAULT_MODEL)
    view, met = net.card["view"], 0
    for name in ("zeiss.tif", "fei.tif"):
        seen = to_view(read_micrograph(explained / name), view["fov_um"], view["size_px"])
        masks = surface_masks(Micrograph(seen, view["fov_um"] / view["size_px"], None))
        for feature in SURFACE_FEATURES:
            heat = evidence_maps(
                net, torch.from_numpy(seen).float()[None, None], torch.zeros(1, 2, 851), feature.mechanism
            )[0][0].numpy()
            assert np.isfinite(heat).all() and heat.any()
            if not masks[feature.name].any():
                continue
            score, met = localisation_scores(heat, mask_fraction(masks[feature.name], heat.shape)), met + 1
            assert 0 <= score["mass"] <= 1 and 0 < score["even"] < 1 and 0 <= score["iou"] <= 1
    assert met  # at least one kind of mark is found on real surfaces
