"""Which labelled frames test, for every framework alike."""

from pathlib import Path


def parts(names: list[str], every: int, file: Path | None) -> tuple[list[int], list[int]]:
    """Numbers of the training and of the test frames: every N-th in this order, or those of the lines FOLDER,NAME."""
    if file is None:
        chosen = {i for i in range(len(names)) if i % every == every - 1}
    else:
        wanted = {line.replace(",", "/") for line in file.read_text("utf-8").splitlines() if line}
        chosen = {i for i, name in enumerate(names) if "/".join(name.replace("\\", "/").split("/")[-2:]) in wanted}
        if len(chosen) != len(wanted):
            raise ValueError(f"{file}: {len(wanted)} frames, {len(chosen)} of them are labelled")
    return [i for i in range(len(names)) if i not in chosen], sorted(chosen)
