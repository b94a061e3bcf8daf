"""Validation: the chapter's numbers from data and committed constants, and that what is judged was not seen."""

import numpy as np
import pytest

from costlib import calibration, data, intervals, serving, validation

WITHOUT = validation.WITHOUT


@pytest.fixture(scope="module")
def report():
    return validation.report()


def test_the_goals_that_are_met_stay_met(report):
    table = validation.summary(report, (*WITHOUT.values(), "fitted", "ideal", "one_efficiency"))
    errors = table.set_index(["subset", "predictor"])["median"]
    known = errors["throughput and decode, batch known"]
    assert known[WITHOUT["configuration"]] < 0.125
    assert known[WITHOUT["gpu"]] < 0.20
    assert errors["maximum load"][[WITHOUT[each] for each in ("configuration", "gpu", "model", "source")]].max() < 0.20
    for name in ("throughput and decode, batch known", "maximum load", "prefill", "all"):
        assert errors[name][WITHOUT["gpu"]] < errors[name]["one_efficiency"] < errors[name]["ideal"], name


def test_intervals_cover_what_they_say_where_sets_are_left_out(report):
    found = validation.coverage(report).set_index("scheme")
    assert found["covered90"].between(0.83, 0.96).all()
    assert found["covered50"].between(0.38, 0.66).all()
    assert (found["covered50"] < found["covered90"]).all()


def test_the_committed_errors_are_those_of_the_left_out(report):
    _, rows, measured = calibration.measurements()
    error = validation.errors(report[list(WITHOUT.values())].set_axis(validation.SCHEMES, axis=1), measured)
    fresh = intervals.table_of(error, intervals.classes(rows.parsed)).set_index(["kind", "name"])
    kept = data.table("prediction_errors").set_index(["kind", "name"])[fresh.columns]
    assert kept.index.tolist() == fresh.index.tolist()
    assert np.allclose(kept.to_numpy(float), fresh.to_numpy(float), atol=0.02, equal_nan=True)


def test_a_measurement_has_no_part_in_its_own_prediction():
    _, rows, measured = calibration.measurements()
    few = np.arange(0, rows.size, 8)
    part, values = serving.Rows(rows.parsed.iloc[few]), measured[few]
    fold = validation.folds(part.parsed["gpu"].to_numpy(object)) == 0
    weight, changed = np.where(fold, 0.0, calibration.row_weights(part)), np.where(fold, 3 * values, values)
    one, other = (calibration.fit(part, each, weight).predict(part)[fold] for each in (values, changed))
    assert np.abs(one / other - 1).max() < 1e-9
    seen = calibration.fit(part, changed).predict(part)[fold]
    assert np.median(np.abs(seen / one - 1)) > 0.1


def test_a_fit_that_starts_from_the_whole_ends_where_one_from_scratch_does():
    frame, rows, measured = calibration.measurements()
    left = validation.folds(validation.sets(frame, rows)["gpu"]) == 0
    weight = np.where(left, 0.0, calibration.row_weights(rows))
    cold = calibration.fit(rows, measured, weight).predict(rows)[left]
    warm = validation.report()[WITHOUT["gpu"]].to_numpy()[left]
    assert np.median(np.abs(np.log(warm / cold))) < 0.02


def test_ideal_is_faster_than_all_but_few_measurements(report):
    speed = report[report["metric_kind"].isin(("throughput", "decode", "prefill")) & (report["load"] == "batch")]
    assert (speed["ideal"] < speed["measured"] * 0.95).mean() < 0.03


def test_worst_names_each_configuration_once(report):
    found = validation.worst(report, WITHOUT["source"], 10)
    assert len(found) == 10
    assert not found.duplicated(["source", "model", "gpu", "metric_kind"]).any()
    assert (np.diff(found["factor"]) <= 0).all()
    assert found["factor"].iloc[0] > 2
