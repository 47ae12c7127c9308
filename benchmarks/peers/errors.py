"""What the errors of a framework's test points say, for every framework alike."""

import numpy as np

FOUND_PX = 20


def summary(errors: np.ndarray, names: list[str]) -> dict:
    """errors: (F, K) distances in pixels, NaN where there is no label or no point. found: the part within 20 px."""
    seen = errors[np.isfinite(errors)]
    mean, median = (float(f(seen)) if len(seen) else None for f in (np.mean, np.median))
    return {"mean_error_px": mean, "median_error_px": median, "n": len(seen),
            "keypoints": {name: _keypoint(errors[:, k]) for k, name in enumerate(names)}}  # fmt: skip


def _keypoint(errors: np.ndarray) -> dict:
    seen = errors[np.isfinite(errors)]
    return {"mean_error_px": float(seen.mean()) if len(seen) else None,
            "found": float((seen < FOUND_PX).mean()) if len(seen) else None, "n": len(seen)}  # fmt: skip
