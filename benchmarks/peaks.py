"""What the choice among a keypoint's peaks gains: the highest peak, the one that distances choose, the best of three.

    python benchmarks/peaks.py DATA --json peaks.json [--sets openfield:10 flies13:20 ...] [--budget 500steps]
                               [--seeds 0 1 2]

For development: the test frames of a set are put aside. openfield and reaching: every fourth of the others is predicted
and of the rest so many train, drawn by the seed; flies13: of 300 pictures those of the last quarter of their time are
predicted, and those of the first two thirds train; flies13-folded: of 800 those with folded wings train and those with
spread ones are predicted; flies13-rare: the same, and a tenth as many spread ones train as well. Crops lie around the
labels, so that only the pose network counts.
The best of three is the nearest of the three highest peaks to the label: no choice among them can do better. Rows that
are in the JSON file already are not measured again.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from datasets import project
from safetensors.torch import load as load_tensors

from krolik import api
from krolik.actions.samples import load_pixels, samples, training_set
from krolik.engines import native
from krolik.networks import build
from krolik.networks.network import Network
from krolik.networks.proportions import PEAKS, Proportions
from krolik.poses import FrameKey, State
from krolik.process import prepare
from krolik.training.batches import Item, crop_items, located_points, whole_frame_items
from krolik.training.budget import Budget
from krolik.training.plan import POSE, Plan, Settings
from krolik.training.planning import plan_training
from krolik.training.splits import TEST, validation_keys
from krolik.training.training_set import Sample

FLIES, MANY_FLIES = "flies13:300", "flies13:800"
FOLDED, SPREAD = 12, 30  # degrees between a wing and the abdomen, seen from the thorax


class Silent:
    """The events of a training that nobody watches."""

    def progress(self, progress) -> None: ...
    def checkpoint(self, data: bytes) -> None: ...

    def cancelled(self) -> bool:
        return False

    def abandoned(self) -> bool:
        return False


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["openfield:10", "openfield:60", "reaching:20", "flies13:20"])
    parser.add_argument("--budget", default="500steps")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    rows = json.loads(arguments.json.read_text()) if arguments.json.is_file() else []
    for seed in arguments.seeds:
        for name in arguments.sets:
            job = {"set": name, "budget": arguments.budget, "seed": seed}
            if not any(all(row[k] == v for k, v in job.items()) for row in rows):
                rows.append({**job, **measure(arguments.data, name, arguments.budget, seed)})
                arguments.json.write_text(json.dumps(rows, indent=1))
                print(rows[-1], flush=True)


def measure(data: Path, name: str, budget: str, seed: int) -> dict:
    source, _, count = name.partition(":")
    with tempfile.TemporaryDirectory() as folder:
        flies = {"flies13": FLIES, "flies13-folded": MANY_FLIES, "flies13-rare": MANY_FLIES}
        opened, rule = project(data, flies.get(source, source), Path(folder))
        with opened:
            pool = [k for k, part in sorted(opened.split(rule, "benchmark").items()) if part != TEST]
            draw = random.Random(seed)
            if flies.get(source) == MANY_FLIES:
                train, inner = by_wings(opened, pool)
                rare = draw.sample(inner, int(count) // 10) if source == "flies13-rare" else []
                drawn = sorted(draw.sample(train, int(count)) + rare)
                inner = [key for key in inner if key not in rare]
            else:
                train, inner = divided(pool, source == "flies13")
                drawn = sorted(draw.sample(train, int(count)))
            network, plan, items = trained(opened, drawn, Budget.parse(budget), seed)
            return {"trained_on": len(items), **errors(opened, network, of_view(seen(opened, inner), plan))}


def divided(pool: Sequence[FrameKey], by_time: bool) -> tuple[list[FrameKey], list[FrameKey]]:
    """What may train, and what is predicted."""
    if by_time:
        return list(pool[: 2 * len(pool) // 3]), list(pool[3 * len(pool) // 4 :])
    return [k for i, k in enumerate(pool) if i % 4 != 3], list(pool[3::4])


def by_wings(opened: api.Project, pool: Sequence[FrameKey]) -> tuple[list[FrameKey], list[FrameKey]]:
    """The pictures with folded wings, and those with a spread one."""
    names = opened.skeleton.names
    thorax, abdomen, *wings = (names.index(name) for name in ("thorax", "abdomen", "wingL", "wingR"))
    angles = {}
    for sample in seen(opened, pool):
        points = np.where((sample.states[0] >= State.OCCLUDED)[:, None], sample.points[0], np.nan)
        body, *limbs = np.arctan2(*(points[[abdomen, *wings]] - points[thorax]).T[::-1])
        turned = np.abs(np.degrees((np.array(limbs) - body + np.pi) % (2 * np.pi) - np.pi))
        if np.isfinite(turned).any():
            angles[sample.key] = np.nanmax(turned)
    return [k for k in pool if angles.get(k, 90) < FOLDED], [k for k in pool if angles.get(k, 0) > SPREAD]


def seen(opened: api.Project, keys: Sequence[FrameKey]) -> list[Sample]:
    return samples(opened.file, dict.fromkeys(keys, TEST), TEST)


def of_view(found: Sequence[Sample], plan: Plan) -> list[Item]:
    if plan.pipeline == "whole":
        return whole_frame_items(found, plan.input_size)
    return crop_items(found, plan.input_size, plan.scales)


def trained(
    opened: api.Project, keys: Sequence[FrameKey], budget: Budget, seed: int
) -> tuple[Network, Plan, list[Item]]:
    """A network that learnt these frames, its plan, and what it learnt from."""
    found = seen(opened, keys)
    data = training_set(opened.file, found, validation_keys(found))
    plan, fingerprint = plan_training(data, Settings(pretrained="none", budget=budget, seed=seed))
    model = native.train(native.Training(data, plan, fingerprint, time.monotonic()), Silent())
    stage, items = model.stages[POSE], of_view(data.train, plan)
    network = build(stage.spec, Proportions.measured(located_points(items)))
    network.module.load_state_dict(load_tensors(stage.safetensors))
    network.module.eval()
    return network, plan, items


@torch.inference_mode()
def errors(opened: api.Project, network: Network, inner: Sequence[Item]) -> dict:
    """Mean errors in pixels of the full frame over the labelled points of the inner test frames."""
    found: dict[str, list[np.ndarray]] = {"highest": [], "chosen": [], "best_of_three": []}
    several = build(replace(network.spec, animals=PEAKS))
    several.module.load_state_dict(network.module.state_dict())
    several.module.eval()
    for item in inner:
        image = torch.from_numpy(item.view.warp(load_pixels(opened.file, item.key))[None])
        outputs = network.outputs(image)
        peaks = several.decode(outputs)[0, :, :, :2].numpy()  # (P, K, 2): as if of several animals, best first
        points = item.view.apply(item.points[0])
        located = item.states[0] >= State.OCCLUDED
        apart = np.linalg.norm(peaks - points, axis=2)[:, located] / item.view.scale
        chosen = np.linalg.norm(network.decode(outputs)[0, 0, :, :2].numpy() - points, axis=1)[located]
        found["highest"].append(apart[0])
        found["chosen"].append(chosen / item.view.scale)
        found["best_of_three"].append(apart.min(axis=0))
    together = {name: np.concatenate(values) for name, values in found.items()}
    return {"n": len(together["highest"]), "keypoints": network.spec.keypoints,
            **{f"{name}_px": float(values.mean()) for name, values in together.items()}}  # fmt: skip


if __name__ == "__main__":
    main()
