"""A framework that is none: its network finds the middle of what is bright, and further animals below. Runs as a worker
does, told by its network how to behave."""

import json
import os
import sys
import time
from pathlib import Path

import krolik.engines.frameworks

sys.path.insert(0, str(krolik.engines.frameworks.WORKERS))
import protocol

OFF_PX, BELOW_PX = 5.0, 40.0


def work(task, talk):
    import cv2

    folder = Path(task["folder"])
    if task["do"] == "adopt":
        about = json.loads((Path(task["source"]) / "fake.json").read_text())
        own, steps = about["keypoints"], 0
        order = protocol.order(own, task["keypoints"])
        pictures, behaviour = dict(enumerate(task["pictures"])), about["network"]
        if behaviour == "pair" and not task["animals"]:
            raise protocol.Refused("how many animals a frame shows at most is not known", "Say it: --animals 2.")
    else:
        data = json.loads((folder / "dataset.json").read_text("utf-8"))
        own, behaviour = data["keypoints"], task["network"]
        talk.say(note=f"{len(data['train'])} train, {len(data['validation'])} validate")
        if before := protocol.before(task, "steps.txt"):
            talk.say(note=f"it goes on after {before.read_text()} steps")
        if "FAKE_PID" in os.environ:
            Path(os.environ["FAKE_PID"]).write_text(str(os.getpid()))
        pictures = {n: data["train"][n]["image"] for n in protocol.some(data["train"], 3)}
        order = list(range(len(own)))
        if behaviour == "refuse":
            raise protocol.Refused("it does not want to", "Ask it nicely.")
        if behaviour == "crash":
            print("this belongs to no message")  # frameworks print
            raise ValueError("a cable is loose")
        pace = protocol.Pace(talk, task, 30 if behaviour != "endless" else 10**9)
        try:
            while True:
                time.sleep(0.01)
                pace.step(1.0)
                pace.keep(lambda kept: (kept / "steps.txt").write_text(str(pace.steps)))
        except protocol.Finished:
            steps = pace.steps

    animals = task["animals"] if behaviour == "pair" else 1
    export(order, folder / "last.onnx", animals)
    checked = []
    for number, name in pictures.items():
        poses = middle(cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB), order, animals)
        poses[..., 0] += OFF_PX if behaviour == "shifted" else 0.0
        checked.append({"number": number, "poses": poses.tolist()})
    result = {
        "version": "9.9",
        "checked": checked,
        "candidates": [
            {"file": "last.onnx", "name": "last", "scale": 1.0, "multiple": 1, "matched": None, "animals": animals}
        ],
    }
    if task["do"] == "adopt":
        return {**result, "keypoints": [own[i] for i in order], "network": "middle", "snapshot": "last"}
    return {**result, "steps": steps, "seconds": pace.seconds, "curve": pace.curve, "batch": task["batch"] or 8}


def middle(picture, order, animals):
    """(H, W, 3) RGB → (N, K, 3): the middle of the light; the k-th keypoint lies `order[k]` pixels to the right."""
    import numpy as np

    light = picture.astype(np.float32).mean(-1) + 1e-3
    x = (light.sum(0) * np.arange(light.shape[1])).sum() / light.sum()
    y = (light.sum(1) * np.arange(light.shape[0])).sum() / light.sum()
    return np.array([[[x + place, y + BELOW_PX * n, 0.5] for place in order] for n in range(animals)], np.float32)


def export(order, file, animals):
    """The same as a network, (1, H, W, 3) uint8 → (1, N, K, 3). Written by hand: PyTorch takes seconds to begin."""
    from onnx import checker, parser, save

    places = ", ".join(f"{float(place)}" for place in order)
    shifts = ", ".join(f"0.0, {BELOW_PX * n}, 0.0" for n in range(animals))
    graph = f"""
    <ir_version: 8, opset_import: ["" : 17]>
    fake (uint8[1, height, width, 3] images) => (float[1, N, K, 3] poses)
    <float[{len(order)}] places = {{{places}}}, float dark = {{0.001}}, float half = {{0.5}}, int64 zero = {{0}},
     int64 one = {{1}}, int64[1] across = {{1}}, int64[1] down = {{2}}, int64[2] front = {{0, 1}},
     float[1, {animals}, 1, 3] shifts = {{{shifts}}}>
    {{
        seen = Cast<to = 1>(images)
        grey = ReduceMean<axes = [3], keepdims = 0>(seen)
        light = Add(grey, dark)
        total = ReduceSum<keepdims = 0>(light)
        columns = ReduceSum<keepdims = 0>(light, across)
        rows = ReduceSum<keepdims = 0>(light, down)
        size = Shape(light)
        height_ = Gather(size, one)
        two = Add(one, one)
        width_ = Gather(size, two)
        xs = Range(zero, width_, one)
        ys = Range(zero, height_, one)
        xf = Cast<to = 1>(xs)
        yf = Cast<to = 1>(ys)
        xw = Mul(columns, xf)
        yw = Mul(rows, yf)
        xt = ReduceSum<keepdims = 0>(xw)
        yt = ReduceSum<keepdims = 0>(yw)
        x = Div(xt, total)
        y = Div(yt, total)
        nothing = Sub(places, places)
        px = Add(places, x)
        py = Add(nothing, y)
        score = Add(nothing, half)
        px1 = Unsqueeze(px, across)
        py1 = Unsqueeze(py, across)
        ps1 = Unsqueeze(score, across)
        stacked = Concat<axis = 1>(px1, py1, ps1)
        one_ = Unsqueeze(stacked, front)
        poses = Add(one_, shifts)
    }}
    """
    model = parser.parse_model(graph)
    checker.check_model(model)
    save(model, str(file))


if __name__ == "__main__":
    protocol.run(work)
