"""Sweeps: the same numbers in blocks or at once, on one core or many."""

import numpy as np
import pytest

from costlib import sweep
from tests.conftest import MODELS, deployed

TARGETS = ("decode_tokens_per_second", "prefill_seconds", "largest_batch", "compute_bound_batch")


def scenarios(length, model="llama_3_1_70b"):
    """A compiled chain, and values of which some vary over `length` scenarios."""
    equations, values = deployed(model)
    random = np.random.default_rng(length)
    varied = {
        "batch": random.integers(1, 500, length).astype(float), "n_gpus": random.integers(4, 64, length).astype(float),
        "input_tokens": random.uniform(1, 9000, length), "memory_bytes_per_second": random.uniform(1e11, 1e13, length),
    }  # fmt: skip
    return equations.compile(*TARGETS), {**values, **varied}


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("length", [1, 2, sweep.BLOCK - 1, sweep.BLOCK, sweep.BLOCK + 1, 3 * sweep.BLOCK + 17])
def test_blocks_give_what_one_piece_gives(length):
    chain, values = scenarios(length)
    found = sweep.run(chain, values)
    assert [each.shape for each in found] == [(length,)] * len(TARGETS)
    assert same(found, [np.broadcast_to(each, length) for each in chain(values)])


@pytest.mark.parametrize("workers", [2, 3, 16])
def test_many_workers_give_what_one_gives(workers):
    chain, values = scenarios(5 * sweep.BLOCK + 3)
    assert same(sweep.run(chain, values, workers=workers), sweep.run(chain, values, workers=1))


@pytest.mark.parametrize("model", MODELS)
def test_a_sweep_gives_what_each_scenario_gives_alone(model):
    chain, values = scenarios(7, model)
    equations, _ = deployed(model)
    found = sweep.run(chain, values)
    for place in range(7):
        alone = {name: value[place] if isinstance(value, np.ndarray) else value for name, value in values.items()}
        for target, column in zip(TARGETS, found, strict=True):
            assert column[place] == pytest.approx(float(equations(alone, target)), rel=1e-14)


def test_scalars_alone_are_one_scenario():
    equations, values = deployed()
    [found] = sweep.run(equations.compile("decode_seconds"), values)
    assert found == [equations(values, "decode_seconds")]


def test_a_sweep_leaves_its_inputs_as_they_were():
    chain, values = scenarios(100)
    before = {name: np.array(value, copy=True) for name, value in values.items()}
    sweep.run(chain, values)
    assert all(np.array_equal(before[name], values[name]) for name in values)


def test_a_sweep_says_nothing_of_divisions_by_zero(recwarn):
    equations, values = deployed()
    sweep.run(equations.compile("compute_bound_batch"), {**values, "input_tokens": np.linspace(1, 60_000, 999)})
    assert not recwarn.list


def test_arrays_of_unlike_lengths_are_refused():
    chain, values = scenarios(2 * sweep.BLOCK)
    with pytest.raises(ValueError, match="broadcast"):
        sweep.run(chain, {**values, "batch": np.ones(sweep.BLOCK)})


def test_a_grid_holds_all_combinations_the_last_axis_running_fastest():
    found = sweep.grid(batch=[1, 2], n_gpus=[4, 8, 16])
    assert found["batch"].tolist() == [1, 1, 1, 2, 2, 2]
    assert found["n_gpus"].tolist() == [4, 8, 16, 4, 8, 16]
