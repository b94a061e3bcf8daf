"""Sweeps: the same numbers in blocks or at once, on one core or many."""

import os
import pickle

import dask.array as da
import numpy as np
import pytest
from dask import distributed

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


def test_a_chain_arrives_whole_in_another_process():
    chain, values = scenarios(50)
    arrived = pickle.loads(pickle.dumps(chain))
    assert (arrived.inputs, arrived.targets, arrived.source) == (chain.inputs, chain.targets, chain.source)
    assert same(sweep.run(arrived, values), sweep.run(chain, values))


def chunked(values, size):
    """The values with arrays as Dask arrays, each in chunks of its own size."""
    arrays = [name for name, value in values.items() if isinstance(value, np.ndarray)]
    return {**values, **{name: da.from_array(values[name], chunks=size + i) for i, name in enumerate(arrays)}}


def test_dask_arrays_give_the_same_numbers_and_are_not_computed_before():
    chain, values = scenarios(3 * sweep.BLOCK + 17)
    found = sweep.run(chain, chunked(values, sweep.BLOCK))
    assert all(isinstance(each, da.Array) and each.shape == (3 * sweep.BLOCK + 17,) for each in found)
    assert same(da.compute(*found, scheduler="threads"), sweep.run(chain, values))


def test_one_dask_array_among_numpy_arrays_is_enough():
    chain, values = scenarios(1000)
    found = sweep.run(chain, {**values, "batch": da.from_array(values["batch"], chunks=300)})
    assert same(da.compute(*found), sweep.run(chain, values))


def test_a_distributed_cluster_gives_the_same_numbers():
    chain, values = scenarios(2 * sweep.BLOCK + 5)
    local = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with distributed.LocalCluster(**local) as cluster, distributed.Client(cluster) as client:
        futures = client.compute(sweep.run(chain, chunked(values, 5000)))
        found = client.gather(futures)
        others = client.run(os.getpid)
        holders = {worker for held in client.who_has(futures).values() for worker in held}
    assert same(found, sweep.run(chain, values))
    assert len(others) == 2 and os.getpid() not in others.values()
    assert holders and holders <= set(others)
