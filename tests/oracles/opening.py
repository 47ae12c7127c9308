"""Opens a file with the program that it is for, and prints what that program sees. Runs in that program's environment.

python opening.py HOW PATH → one line of JSON: {"frames", "points", "sum", "names", ...}. The sum is over all x and y.
"""

import contextlib
import io
import json
import sys
import warnings


def told(frames, xy, names, **more):
    """Counts and a check sum of an array (..., 2)."""
    import numpy as np

    xy = np.asarray(xy, float).reshape(-1, 2)
    there = np.isfinite(xy).all(axis=1)
    return {
        "frames": int(frames),
        "points": int(there.sum()),
        "sum": round(float(xy[there].sum()), 2),
        "names": [str(n) for n in names],
        **more,
    }


def sleap_io(path):
    import numpy as np
    import sleap_io as sio

    labels = sio.load_file(path)
    xy = [p for frame in labels for i in frame.instances for p in i.points["xy"]]
    visible = sum(int(i.points["visible"].sum()) for frame in labels for i in frame.instances)
    video = labels.videos[0]
    picture = None
    with contextlib.suppress(Exception):
        picture = list(np.asarray(labels[0].image).shape)
    return told(
        len(labels),
        xy,
        labels.skeletons[0].node_names,
        visible=visible,
        tracks=[t.name for t in labels.tracks],
        edges=len(labels.skeletons[0].edges),
        pairs=len(labels.skeletons[0].symmetries),
        suggestions=len(labels.suggestions),
        negative=sum(f.is_negative for f in labels),
        image=picture,
        video=str(video.filename if isinstance(video.filename, str) else video.filename[0]),
    )


def _movement(path, source):
    from movement.io import load_dataset

    data = load_dataset(path, source_software=source, fps=None)
    xy = (
        data.position.transpose("time", "individual", "keypoint", "space").values
        if "individual" in data.dims
        else data.position.transpose("time", "individuals", "keypoints", "space").values
    )
    animals = "individual" if "individual" in data.dims else "individuals"
    names = "keypoint" if "keypoint" in data.dims else "keypoints"
    return told(data.sizes["time"], xy, data[names].values, animals=[str(a) for a in data[animals].values])


def movement_deeplabcut(path):
    return _movement(path, "DeepLabCut")


def movement_sleap(path):
    return _movement(path, "SLEAP")


def movement_lightning_pose(path):
    return _movement(path, "LightningPose")


def movement_nwb(path):
    return _movement(path, "NWB")


def coco(path):
    import numpy as np
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO(path)
    points = np.array([a["keypoints"] for a in data.loadAnns(data.getAnnIds())], float).reshape(-1, 3)
    xy = np.where(points[:, 2:] > 0, points[:, :2], np.nan)
    (category,) = data.loadCats(data.getCatIds())
    return told(len(data.getImgIds()), xy, category["keypoints"], occluded=int((points[:, 2] == 1).sum()))


def pynwb(path):
    import ndx_pose  # noqa: F401 (registers its types)
    import numpy as np
    from nwbinspector import Importance, inspect_nwbfile
    from pynwb import NWBHDF5IO

    serious = [
        m.message
        for m in inspect_nwbfile(nwbfile_path=path)
        if m.importance in (Importance.CRITICAL, Importance.ERROR, Importance.PYNWB_VALIDATION)
    ]
    xy, frames, names = [], 0, []
    with NWBHDF5IO(path, "r") as reader:
        module = reader.read().processing["behavior"]
        for thing in module.data_interfaces.values():
            if type(thing).__name__ == "PoseTraining":
                frames = len(thing.training_frames.training_frames)
                for frame in thing.training_frames.training_frames.values():
                    for instance in frame.skeleton_instances.skeleton_instances.values():
                        xy += np.asarray(instance.node_locations).tolist()
                        names = list(instance.skeleton.nodes[:])
            if type(thing).__name__ == "PoseEstimation":
                for series in thing.pose_estimation_series.values():
                    frames = max(frames, len(series.data))
                    xy += np.asarray(series.data).tolist()
                names = list(thing.skeleton.nodes[:])
    return told(frames, xy, names, serious=serious)


def pandas_deeplabcut(path):
    """As DeepLabCut itself reads its tables."""
    import pandas as pd

    if path.endswith(".h5"):
        data = pd.read_hdf(path, key="df_with_missing")
    else:
        with open(path, encoding="utf-8") as file:
            text = file.read(1 << 16)
        rows = 4 if "individuals" in text.splitlines()[1] else 3
        levels = 3 if "labeled-data" in text else 1
        data = pd.read_csv(path, header=list(range(rows)), index_col=list(range(levels)))
    names = list(dict.fromkeys(data.columns.get_level_values("bodyparts")))
    xy = data.loc[:, data.columns.get_level_values("coords").isin(["x", "y"])].to_numpy()
    return told(len(data), xy, names, levels=data.columns.nlevels)


def deeplabcut(path):
    """Opens a project, makes a training set of it and trains for a moment."""
    import glob
    import os

    with contextlib.redirect_stdout(sys.stderr):
        import deeplabcut as dlc
        import pandas as pd
        from deeplabcut.utils import auxiliaryfunctions

        several = bool(auxiliaryfunctions.read_config(path)["multianimalproject"])
        dlc.create_training_dataset(path, num_shuffles=1, net_type="resnet_50", userfeedback=False)
        merged = glob.glob(
            os.path.join(os.path.dirname(path), "training-datasets", "**", "CollectedData_*.h5"), recursive=True
        )
        data = pd.read_hdf(merged[0])
        from deeplabcut.pose_estimation_pytorch.apis import training

        build = training.PoseModel.build  # its hub of weights cannot be reached from everywhere: random weights
        training.PoseModel.build = staticmethod(
            lambda cfg, weight_init=None, pretrained_backbone=False: build(cfg, weight_init, False)
        )
        dlc.train_network(path, shuffle=1, epochs=1, save_epochs=1, batch_size=4, device="cpu")
        snapshots = glob.glob(
            os.path.join(os.path.dirname(path), "dlc-models-pytorch", "**", "snapshot*.pt"), recursive=True
        )
    xy = data.loc[:, data.columns.get_level_values("coords").isin(["x", "y"])].to_numpy()
    return told(
        len(data),
        xy,
        dict.fromkeys(data.columns.get_level_values("bodyparts")),
        snapshots=len(snapshots),
        several=several,
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(globals()[sys.argv[1]](sys.argv[2])))
