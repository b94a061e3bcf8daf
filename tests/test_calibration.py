"""The measured constants: the committed tables are what the measurements give, and pooling does what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlib import calibration, data, serving, validation
from costlib.quantities import quantity


@pytest.fixture(scope="module")
def refit():
    _, rows, measured = calibration.measurements()
    return calibration.fit(rows, measured)


def test_the_committed_constants_are_what_the_measurements_give(refit):
    made, fresh = calibration.committed(), calibration.table_of(refit)
    table = data.table("calibration")[["constant", "level", "group"]].astype(str)
    assert [tuple(each) for each in table.to_numpy()] == [tuple(each) for each in fresh[table.columns].to_numpy()]
    assert np.abs(made.estimate - fresh["estimate"].to_numpy()).max() < 1e-3
    assert np.abs(made.error - fresh["standard_error"].to_numpy()).max() < 1e-3


def test_the_constants_predict_what_they_were_fitted_to(refit):
    _, rows, measured = calibration.measurements()
    for made in (refit, calibration.committed()):
        error = np.abs(made.predict(rows) / measured - 1)
        assert np.median(error) < 0.12
    start = np.abs(calibration.Calibration.of_priors().predict(rows) / measured - 1)
    assert np.median(error) < np.median(start) / 2


def test_every_measurement_can_be_read_and_computed():
    frame, _, _ = calibration.measurements()
    assert len(frame) == len(data.table("measurements"))


@given(name=st.sampled_from(serving.CONSTANTS), scaled=st.floats(-6, 6))
def test_a_constant_is_allowed_wherever_its_scale_leads(name, scaled):
    value = calibration.unlink(name, np.float64(scaled))
    quantity(name).check(float(value))
    assert calibration.link(name, value) == pytest.approx(scaled, abs=1e-6)


@pytest.mark.parametrize("engine", ("vllm", "sglang", "trtllm", "llamacpp", "other"))
@pytest.mark.parametrize("gpu", data.table("accelerators").index[::9])
def test_every_gpu_has_constants_in_their_range(engine, gpu):
    found = calibration.constants(engine, gpu, "fp16", experts=True, weight_only=True)
    for name in serving.CONSTANTS:
        quantity(name).check(found[name])
    assert found["low_precision_factor"] == found["interference_share"] == 1.0
    assert found["dequantization_factor"] > 1.0


def test_an_unseen_engine_gets_the_constants_of_all():
    place = calibration.committed().place
    shifted = {name for name, level, group in place if (level, group) == ("engine", "sambaflow")}
    others = {name for name, (_, _, levels) in calibration.PRIORS.items() if levels in ((), ("engine",))} - shifted
    unseen, vllm = (calibration.constants(engine, "h100_sxm_80gb", "fp16") for engine in ("sambaflow", "vllm"))
    for name in others - set(serving.UNUSED):
        moved = place.get((name, "engine", "vllm"))
        assert (unseen[name] == pytest.approx(vllm[name])) == (moved is None), name


def test_a_few_rows_move_their_group_less_than_many():
    _, rows, measured = calibration.measurements()
    chosen = np.flatnonzero((rows.levels["engine"] == "mlc") | (np.arange(rows.size) % 20 == 0))
    part, values = serving.Rows(rows.parsed.iloc[chosen]), measured[chosen]
    engine = part.levels["engine"] == "mlc"
    slow, weight = np.where(engine, values / 2, values), calibration.row_weights(part)
    sparse = weight.copy()
    sparse[np.flatnonzero(engine)[2:]] = 0
    many, few = (calibration.fit(part, slow, each) for each in (weight, sparse))
    column = many.place[("weight_bandwidth_efficiency", "engine", "mlc")]
    assert many.estimate[column] < few.estimate[column] < 0.1


def test_folds_keep_sets_whole_and_share_the_rows():
    names = np.array(["a"] * 5 + ["b"] * 3 + list("cdefgh") * 2, dtype=object)
    fold = validation.folds(names, 3)
    assert all(len(set(fold[names == name])) == 1 for name in names)
    assert np.bincount(fold).max() - np.bincount(fold).min() <= 2
