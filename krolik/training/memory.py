"""When memory runs out: recognised whoever says it, and answered by smaller parts of a batch."""

from __future__ import annotations

import torch

from krolik.errors import StorageError


def is_exhausted(error: BaseException) -> bool:
    """Whether this is what Python, PyTorch or CUDA raise when there is no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # PyTorch's own allocator for the CPU, and oneDNN, raise plain RuntimeErrors
    said = str(error).lower()
    wordings = ("not enough memory", "out of memory", "can't allocate memory", "could not create a memory object",
                "cublas_status_alloc_failed", "cudnn_status_alloc_failed")  # fmt: skip
    return isinstance(error, RuntimeError) and any(w in said for w in wordings)


class Parts:
    """Into how many parts a batch is divided so that each fits; gradients are added up over them."""

    def __init__(self, most: int):
        self.count, self.most = 1, most

    def slices(self, length: int) -> list[slice]:
        """Parts of a batch, as equal as can be."""
        count = min(self.count, length)
        edges = [length * i // count for i in range(count + 1)]
        return [slice(a, b) for a, b in zip(edges, edges[1:])]

    def halve(self, device: str) -> None:
        """Smaller parts from now on. Raises StorageError when a part is one picture already."""
        if self.count >= self.most:
            raise StorageError("the memory is too small to train even on one picture at a time", device,
                               "Try a smaller --input, a smaller --network, or close other programs.")  # fmt: skip
        self.count = min(self.most, 2 * self.count)
        if device == "cuda":
            torch.cuda.empty_cache()
