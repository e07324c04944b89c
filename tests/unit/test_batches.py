"""Batches: every item once, the same batches for any number of processes, long with long."""

import numpy as np
import pytest

from latefusion.config import ImageTraining, TextTraining
from latefusion.training.batches import EvalBatches, TrainBatches

LENGTHS = np.random.default_rng(0).integers(5, 128, size=1003)


def plan(n_processes: int = 1, *, steps: int = 1, epoch: int = 0, done: int = 0, **training) -> list[list]:
    """The micro-batches of all processes: a list for each process."""
    settings = TextTraining(**{"batch_size": 16, "gradient_accumulation_steps": steps} | training)
    micro_batches = []
    for rank in range(n_processes):
        batches = TrainBatches(len(LENGTHS), settings, rank=rank, n_processes=n_processes, lengths=LENGTHS)
        batches.set_epoch(epoch, done)
        micro_batches.append(batches.micro_batches)
    return micro_batches


def whole_batches(micro_batches: list[list], steps: int) -> list[frozenset]:
    """Put the micro-batches of all processes together again."""
    n_batches = len(micro_batches[0]) // steps
    counted = [[set(one.rows[: one.count].tolist()) for one in of_process] for of_process in micro_batches]
    return [
        frozenset().union(*(rows for of_process in counted for rows in of_process[index * steps : (index + 1) * steps]))
        for index in range(n_batches)
    ]


@pytest.mark.parametrize(("n_processes", "steps"), [(1, 1), (2, 1), (3, 1), (1, 4), (2, 3)])
def test_micro_batches_and_processes_change_no_batch(n_processes, steps):
    batches = whole_batches(plan(n_processes, steps=steps), steps)
    assert batches == whole_batches(plan(), 1)
    assert sum(len(batch) for batch in batches) == len(frozenset().union(*batches)) == len(LENGTHS)


@pytest.mark.parametrize(("n_processes", "steps"), [(1, 1), (2, 1), (5, 3)])
def test_a_batchs_weights_sum_to_one_and_all_processes_step_together(n_processes, steps):
    turns = list(zip(*plan(n_processes, steps=steps), strict=True))  # what the processes compute at the same time
    for turn in turns:
        assert len({one.closes_batch for one in turn}) == 1
    weights = [sum(one.count / one.batch_size for one in turn) for turn in turns]
    assert np.allclose(np.reshape(weights, (-1, steps)).sum(axis=1), 1)


def test_an_empty_micro_batch_has_a_dummy_row_without_weight():
    last = [of_process[-1] for of_process in plan(8, batch_size=1000)]  # the second batch has three rows
    assert [one.count for one in last] == [1, 1, 1, 0, 0, 0, 0, 0]
    assert all(len(one.rows) == 1 for one in last)


def test_an_epoch_can_be_begun_in_its_middle():
    (whole,), (rest,) = plan(steps=2), plan(steps=2, done=7)
    assert [one.rows.tolist() for one in rest] == [one.rows.tolist() for one in whole[14:]]


def test_every_epoch_has_batches_of_its_own():
    first, again, second = (set(whole_batches(plan(epoch=epoch), 1)) for epoch in (0, 0, 1))
    assert first == again
    assert len(first & second) < len(first) / 10


def test_grouping_by_length_saves_padding_and_is_a_choice():
    def padding(size: int, **training) -> float:
        lengths = np.random.default_rng(0).integers(5, 128, size=size)
        return TrainBatches(size, TextTraining(batch_size=16, **training), lengths=lengths).padding_share

    ungrouped = padding(10_000, group_by_length=False)
    assert ungrouped > 0.4
    assert padding(10_000) < 0.05
    assert padding(500) < ungrouped  # small pools, but pools


def test_grouped_batches_come_in_no_order_of_length():
    (micro_batches,) = plan()
    longest = [LENGTHS[one.rows].max() for one in micro_batches]
    neighbours = np.corrcoef(longest[:-1], longest[1:])[0, 1]
    assert abs(neighbours) < 0.4


def test_an_odd_last_batch_is_left_out_where_the_network_cannot_take_it():
    batches = TrainBatches(103, ImageTraining(batch_size=10), drop_last=True)
    assert batches.n_batches == 10
    assert all(one.count == 10 for one in batches.micro_batches)
    assert batches.padding_share is None


def test_what_an_odd_last_batch_leaves_out_does_not_depend_on_length():
    """14 of 350 items in each of 1,000 epochs: each item about 40 times. They are the end of a sorted pool of 30."""
    lengths = np.random.default_rng(0).permutation(350)
    batches = TrainBatches(350, TextTraining(batch_size=16), lengths=lengths, drop_last=True)
    left_out = np.full(350, 1000)
    for epoch in range(1000):
        batches.set_epoch(epoch)
        left_out[np.concatenate([one.rows for one in batches.micro_batches])] -= 1
    assert left_out.sum() == 14 * 1000
    assert abs(np.corrcoef(lengths, left_out)[0, 1]) < 0.2
    assert left_out.min() > 15
    assert left_out.max() < 70


@pytest.mark.parametrize("n_processes", [1, 2, 7])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_evaluation_takes_every_item_once(n_processes, size):
    for lengths in (None, LENGTHS[:size]):
        shares = [
            EvalBatches(size, 16, rank=rank, n_processes=n_processes, lengths=lengths) for rank in range(n_processes)
        ]
        rows = [row for share in shares for one in share.micro_batches for row in one.rows[: one.count].tolist()]
        assert sorted(rows) == list(range(size))
        assert len({len(share) for share in shares}) == 1
