import numpy as np
import pytest

from krolik.poses import Predictions
from krolik.project import ProjectFile, predictions, runs
from krolik.skeleton import template


def block(start: int, frames: int, rng) -> Predictions:
    xy = rng.normal(0, 100, (frames, 2, 3, 2)).astype(np.float32)
    xy[0, 0] = np.nan
    decoded = np.arange(frames) % 7 != 0
    return Predictions(start, xy, rng.random((frames, 2, 3)).astype(np.float32), decoded)


def test_blocks_come_back_exactly(tmp_path, rng):
    with ProjectFile.create(tmp_path / "p.krolik", template("mouse")) as file:
        run = runs.start(file, "predict", {})
        stored = [block(10, 246, rng), block(256, 256, rng), block(512, 3, rng)]
        for one in stored:
            predictions.store(file, run, "v", one)
        assert predictions.next_frame(file, run, "v") == 515
        assert predictions.next_frame(file, run, "other") is None
        for before, after in zip(stored, predictions.blocks(file, run, "v"), strict=True):
            np.testing.assert_array_equal(before.xy, after.xy)
            np.testing.assert_array_equal(before.score, after.score)
            np.testing.assert_array_equal(before.decoded, after.decoded)
        for frame, start in ((10, 10), (255, 10), (256, 256), (514, 512)):
            found = predictions.block_at(file, run, "v", frame)
            assert found is not None and found.start == start
        for frame in (0, 9, 515, 10**6):
            assert predictions.block_at(file, run, "v", frame) is None
        with pytest.raises(ValueError, match="cross a multiple"):
            predictions.store(file, run, "v", block(200, 100, rng))


def test_lookup_does_not_grow_with_the_table(tmp_path, rng):
    """The query's plan is a search by the primary key, not a scan."""
    with ProjectFile.create(tmp_path / "p.krolik", template("mouse")) as file:
        plan = file.rows(
            "EXPLAIN QUERY PLAN SELECT start FROM prediction_block "
            "WHERE run = 1 AND video = 'v' AND start <= 5 AND start > -251 ORDER BY start DESC LIMIT 1"
        )
        assert all("SEARCH" in row[3] and "PRIMARY KEY" in row[3] for row in plan)
