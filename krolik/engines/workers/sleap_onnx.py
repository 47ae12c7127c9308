"""sleap-nn's trained networks as ONNX: from a frame to poses, with its shrinking, crops and refinement of peaks.

A folder of a model holds its configuration and weights. A network for a single animal is one of them, networks for
several are two: one finds the middles of animals, the other one's view is a crop around each.

Legend: H height, W width, N animals, K keypoints; maps (.., h, w) have `stride` pixels a cell.
"""

import protocol
import torch
from torch.nn import functional

SINGLE, MIDDLES, CENTRED = "single_instance", "centroid", "centered_instance"
OUTPUTS = {
    SINGLE: "SingleInstanceConfmapsHead",
    MIDDLES: "CentroidConfmapsHead",
    CENTRED: "CenteredInstanceConfmapsHead",
}
MODULES = {
    SINGLE: "SingleInstanceLightningModule", MIDDLES: "CentroidLightningModule",
    CENTRED: "TopDownCenteredInstanceLightningModule",
}  # fmt: skip
PATCH = 5  # cells around a peak that say where it is between them, as its inference has it
THERE = 0.2  # the height from which on its inference takes a middle for an animal
OPSET = 17


class Network:
    """A trained network of a folder. Only weights are read, no objects."""

    def __init__(self, folder):
        from sleap_nn.inference import loaders
        from sleap_nn.training import lightning_modules

        self.kind, config = read(folder)
        self.config = config
        backbone = loaders._detect_backbone_type(config)
        module = getattr(lightning_modules, MODULES[self.kind])(
            **loaders._common_lightning_kwargs(config, backbone, self.kind)
        )
        saved = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=True)
        module.load_state_dict(saved["state_dict"])
        self.model = module.model.to("cpu").eval()
        self.pre = config.data_config.preprocessing
        self.scale = float(self.pre.scale)
        self.stride = int(config.model_config.head_configs[self.kind].confmaps.output_stride)
        self.multiple = int(config.model_config.backbone_config[backbone].max_stride)
        self.grey = int(config.model_config.backbone_config[backbone].in_channels) == 1

    @property
    def keypoints(self):
        """In the order of its outputs: its files sort them."""
        return keypoints(self.config)

    def size(self, usual):
        """(width, height) that it takes all frames to."""
        return int(self.pre.max_width or usual[0]), int(self.pre.max_height or usual[1])


def read(folder):
    """The kind of network that lies in a folder, and its configuration."""
    from sleap_nn.inference import loaders

    config, old = loaders._load_training_config(str(folder))
    heads = config.model_config.head_configs
    kinds = [] if old else [kind for kind in OUTPUTS if heads.get(kind) is not None]
    if not kinds:
        raise protocol.Refused(
            "it is no network of sleap-nn that can be taken",
            "Those for a single animal can, and the two that find several from the top down: centroid and "
            "centered_instance.",
        )
    return kinds[0], config


def keypoints(config):
    from sleap_nn.inference.loaders import get_skeleton_from_config

    return list(get_skeleton_from_config(config.data_config.skeletons)[0].node_names)


def export(folders, file, wanted, size, animals):
    """Writes the network, or the two, of these folders for frames of a size, and says how frames are given to it."""
    networks = {n.kind: n for n in map(Network, folders)}
    if SINGLE in networks:
        network = networks[SINGLE]
        posing = Single(network, wanted, network.size(size))
    else:
        network = networks[CENTRED]
        posing = Several(networks[MIDDLES], network, wanted, network.size(size), animals)
    width, height = network.size(size)
    example = torch.randint(0, 255, (1, height, width, 3), dtype=torch.uint8)
    torch.onnx.export(
        posing.eval(), (example,), str(file), input_names=["images"], output_names=["poses"], opset_version=OPSET,
        dynamo=False,
    )  # fmt: skip
    return {"scale": 1.0, "multiple": 1, "matched": (width, height), "animals": 1 if SINGLE in networks else animals}


class Maps(torch.nn.Module):
    """(n, 3, H, W) RGB of 0..1 → the maps of a network, which sees pictures of `size` (width, height) only."""

    def __init__(self, network, size):
        super().__init__()
        self.network, self.output, self.grey = network.model, OUTPUTS[network.kind], network.grey
        self.register_buffer("luma", torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))
        self.as_it_is = network.scale == 1 and protocol.padded(size, network.multiple) == list(size)
        if not self.as_it_is:
            self.register_buffer("across", shrinking(size[0], network.scale, network.multiple).T)
            self.register_buffer("down", shrinking(size[1], network.scale, network.multiple))

    def forward(self, seen):
        if self.grey:
            seen = (seen * self.luma).sum(1, keepdim=True)
        return self.network(seen if self.as_it_is else self.down @ seen @ self.across)[self.output]


class Refined(torch.nn.Module):
    """Where a peak is between cells: the mean place in a patch around it, weighted by the maps."""

    def __init__(self):
        super().__init__()
        self.register_buffer("grid", torch.arange(PATCH, dtype=torch.float32) - (PATCH - 1) / 2)

    def forward(self, maps, x, y):
        """maps: (M, h, w), x and y: the cells (M,) of a peak in each. Returns x and y."""
        count, width = maps.shape[0], maps.shape[2]
        half = (PATCH - 1) // 2
        around = functional.pad(maps, (half, half, half, half))
        columns = (x[:, None] + torch.arange(PATCH)[None])[:, None].expand(count, PATCH, PATCH)
        rows = (y[:, None] + torch.arange(PATCH)[None])[:, :, None].expand(count, PATCH, PATCH)
        flat = around.reshape(count, -1).gather(1, (rows * (width + 2 * half) + columns).reshape(count, -1))
        patch = flat.reshape(count, PATCH, PATCH)
        total = patch.sum((1, 2))
        total = torch.where(total > 0, total, torch.ones_like(total))  # nothing is there yet
        dx = (patch * self.grid.view(1, 1, -1)).sum((1, 2)) / total
        dy = (patch * self.grid.view(1, -1, 1)).sum((1, 2)) / total
        return x + dx, y + dy


class Highest(torch.nn.Module):
    """(n, K, h, w) maps → (n, K, 3): x, y of the highest place of each, in pixels of the picture, and its height."""

    def __init__(self, network, wanted):
        super().__init__()
        own = network.keypoints
        self.register_buffer("order", torch.tensor([own.index(n) for n in wanted]))
        self.refined, self.pixels = Refined(), network.stride / network.scale

    def forward(self, maps):
        count, width = maps.shape[1], maps.shape[3]
        flat = maps.reshape(-1, maps.shape[2], width)
        heights, places = flat.reshape(flat.shape[0], -1).max(1)
        x, y = self.refined(flat, places % width, places // width)
        found = torch.stack([x * self.pixels, y * self.pixels, heights.clamp(0, 1)], 1)
        return found.reshape(-1, count, 3)[:, self.order]


class Single(torch.nn.Module):
    """(1, H, W, 3) uint8 RGB → (1, 1, K, 3): x, y in pixels of the picture and the height of the peak."""

    def __init__(self, network, wanted, size):
        super().__init__()
        self.maps, self.highest = Maps(network, size), Highest(network, wanted)

    def forward(self, images):
        return self.highest(self.maps(images.permute(0, 3, 1, 2).float() / 255))[None]


class Several(torch.nn.Module):
    """(1, H, W, 3) uint8 RGB → (1, N, K, 3): as of a single one; NaN for animals that are not there."""

    def __init__(self, middles, centred, wanted, size, animals):
        super().__init__()
        side = int(centred.pre.crop_size)
        self.middles, self.pixels, self.refined = Maps(middles, size), middles.stride / middles.scale, Refined()
        self.maps, self.highest = Maps(centred, (side, side)), Highest(centred, wanted)
        self.side, self.animals = side, animals
        self.register_buffer("steps", torch.arange(side))
        self.register_buffer("nobody", torch.full((animals, len(wanted), 3), torch.nan))

    def forward(self, images):
        seen = images.permute(0, 3, 1, 2).float() / 255
        middles, sure = self.found(self.middles(seen)[0])
        corners = middles - self.side / 2 + 0.5  # of the crops, as it has them: between pixels
        half = self.side // 2
        cells = (corners + half).long() - half
        poses = self.highest(self.maps(self.crops(seen, cells)))
        poses = torch.cat([poses[..., :2] + corners[:, None], poses[..., 2:]], -1)
        poses = torch.where((sure > THERE)[:, None, None], poses, torch.full_like(poses, torch.nan))
        return torch.cat([poses, self.nobody])[: self.animals][None]

    def found(self, maps):
        """(1, h, w) → the middles of animals (n, 2) in pixels and their heights, the surest first; one at least."""
        height, width = maps.shape[1:]
        peak = maps >= functional.max_pool2d(maps[None], 3, 1, 1)[0]
        flat = torch.where(peak, maps, torch.full_like(maps, -1.0)).reshape(-1)
        sure, places = flat.topk(min(self.animals, int(height) * int(width)))
        first = torch.arange(sure.shape[0]) == 0  # where there is none, one crop is looked at for nothing
        there = ((sure > THERE) | first).nonzero()[:, 0]
        sure, places = sure[there], places[there]
        x, y = self.refined(maps.expand(places.shape[0], -1, -1), places % width, places // width)
        return torch.stack([x, y], 1) * self.pixels, sure

    def crops(self, seen, cells):
        """(n, 3, side, side) of (1, 3, H, W), with their upper left pixels at cells (n, 2); black outside."""
        side = self.side
        around = functional.pad(seen[0], (side, side, side, side))
        columns = (cells[:, 0:1] + side + self.steps).clamp(0, around.shape[2] - 1)
        rows = (cells[:, 1:2] + side + self.steps).clamp(0, around.shape[1] - 1)
        flat = (rows[:, :, None] * around.shape[2] + columns[:, None]).reshape(-1)
        return around.reshape(3, -1)[:, flat].reshape(3, -1, side, side).permute(1, 0, 2, 3)


def shrinking(side, scale, multiple):
    """(shrunk side, side): a row of pixels made smaller as it does it, a triangle over the pixels around each, and
    filled up with zeros to a multiple."""
    shrunk = int(side * scale)
    if scale == 1:
        weights = torch.eye(side)
    else:
        reach, ratio = max(1.0, side / shrunk), side / shrunk
        middles = (torch.arange(shrunk) + 0.5) * ratio
        weights = (1 - ((torch.arange(side) + 0.5)[None] - middles[:, None]).abs() / reach).clamp(min=0)
        weights = weights / weights.sum(1, keepdim=True)
    return torch.cat([weights, torch.zeros(protocol.padded([shrunk], multiple)[0] - shrunk, side)])
