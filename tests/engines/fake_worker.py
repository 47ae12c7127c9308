"""A framework that is none: its network finds the middle of what is bright. Runs as a worker does, told by its network
how to behave."""

import json
import os
import sys
import time
from pathlib import Path

import krolik.engines.frameworks

sys.path.insert(0, str(krolik.engines.frameworks.WORKERS))
import protocol

OFF_PX = 5.0


def work(task, talk):
    import cv2
    import torch

    folder = Path(task["folder"])
    if task["do"] == "adopt":
        about = json.loads((Path(task["source"]) / "fake.json").read_text())
        own, steps = about["keypoints"], 0
        order = protocol.order(own, task["keypoints"])
        pictures, behaviour = dict(enumerate(task["pictures"])), about["network"]
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

    class Middle(torch.nn.Module):
        def forward(self, images):
            light = images.float().mean(-1)[0] + 1e-3
            x = (light.sum(0) * torch.arange(light.shape[1])).sum() / light.sum()
            y = (light.sum(1) * torch.arange(light.shape[0])).sum() / light.sum()
            places = torch.tensor(order, dtype=torch.float32)
            return torch.stack([x + places, y + 0 * places, 0.5 + 0 * places], 1)[None, None]

    network = Middle()
    torch.onnx.export(
        network, (torch.zeros(1, 32, 48, 3, dtype=torch.uint8),), str(folder / "last.onnx"), input_names=["images"],
        output_names=["poses"], dynamic_axes={"images": {1: "height", 2: "width"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    checked = []
    for number, name in pictures.items():
        picture = cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB)
        pose = network(torch.from_numpy(picture)[None])[0, 0]
        pose[:, 0] += OFF_PX if behaviour == "shifted" else 0.0
        checked.append({"number": number, "pose": pose.tolist()})
    result = {
        "version": "9.9",
        "checked": checked,
        "candidates": [{"file": "last.onnx", "name": "last", "scale": 1.0, "multiple": 1, "matched": None}],
    }
    if task["do"] == "adopt":
        return {**result, "keypoints": [own[i] for i in order], "network": "middle", "snapshot": "last"}
    return {**result, "steps": steps, "seconds": pace.seconds, "curve": pace.curve, "batch": task["batch"] or 8}


if __name__ == "__main__":
    protocol.run(work)
