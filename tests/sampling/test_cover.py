"""Few candidates stand for many, by weight, and never for what is covered already."""

import numpy as np

from krolik.sampling.cover import Likeness, cover


def groups(*counts: int) -> np.ndarray:
    """Candidates in tight groups that are far from each other."""
    rng = np.random.default_rng(0)
    middles = 10 * np.eye(len(counts), 8)
    return np.concatenate([m + 0.05 * rng.normal(size=(n, 8)) for m, n in zip(middles, counts)]).astype(np.float32)


def chosen(features, weights, covered=None, near=None, count=3):
    size = len(features)
    covered = np.zeros(size) if covered is None else covered
    near = np.zeros((size, size), bool) if near is None else near
    return cover(Likeness.of(features).between, weights, covered, near, count)


def test_one_of_each_group_the_largest_first():
    found = chosen(groups(3, 9, 6), np.ones(18))
    assert [int(i) for i, _ in found] != sorted(i for i, _ in found)
    assert [np.digitize(i, [3, 12]) for i, _ in found] == [1, 2, 0]
    assert [n for _, n in found] == [9, 6, 3]


def test_weight_counts_more_than_number():
    found = chosen(groups(3, 9, 6), np.repeat([10.0, 1.0, 1.0], [3, 9, 6]))
    assert np.digitize(found[0][0], [3, 12]) == 0


def test_what_is_covered_already_waits():
    features = groups(3, 9, 6)
    covered = Likeness.of(features).to(features, features[5:6])  # of the largest group one is labelled
    assert [np.digitize(i, [3, 12]) for i, _ in chosen(features, np.ones(18), covered, count=2)] == [2, 0]


def test_neighbours_only_when_nothing_else_is_left():
    features = groups(6, 2)
    near = np.zeros((8, 8), bool)
    near[:6, :6] = True
    found = [i for i, _ in chosen(features, np.ones(8), near=near, count=8)]
    assert sorted(found) == list(range(8)) and found[0] < 6 <= found[1]


def test_nothing_and_too_many():
    assert chosen(np.zeros((0, 4), np.float32), np.zeros(0)) == []
    assert len(chosen(groups(2), np.ones(2), count=9)) == 2
