"""A GPU's many small commands, recorded once and then given as one.

A step of a small network is hundreds of commands, each of which takes a processor longer to give than a large GPU to
carry out. A CUDA graph repeats them all at once, on the same memory; so whatever changes from step to step must be in
tensors that stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from krolik.training.memory import is_exhausted

PLAIN = 3  # calls before one is recorded: libraries choose their ways and the optimizer makes its state in them


class Recorded:
    """Calls a function with tensors on the GPU that hold the arrays; after a few calls as a CUDA graph.

    The function, the same each time, returns one tensor and must neither wait for the GPU nor depend on anything else
    that changes. Arrays of other shapes than the first call's are computed plainly, as all are where a graph does not
    fit into memory. It is not kept: what it belongs to, and all memory on the GPU, goes when nobody else needs it.
    """

    def __init__(self):
        self._stream = torch.cuda.Stream()
        self._calls = 0
        self._inputs: list[torch.Tensor] = []
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result = torch.zeros(())

    def __call__(self, compute: Callable[..., torch.Tensor], *arrays: np.ndarray) -> torch.Tensor:
        news = [torch.from_numpy(array) for array in arrays]
        if not self._calls:
            self._inputs = [tensor.cuda() for tensor in news]
        self._calls += 1
        if [t.shape for t in news] != [t.shape for t in self._inputs]:
            return self._plainly(compute, [tensor.cuda() for tensor in news])
        for there, here in zip(self._inputs, news):
            there.copy_(here)
        if self._calls == PLAIN + 1:
            self._record(compute)
        if self._graph is None:
            return self._plainly(compute, self._inputs)
        self._graph.replay()
        return self._result

    def _plainly(self, compute: Callable[..., torch.Tensor], inputs: list[torch.Tensor]) -> torch.Tensor:
        """Not on the main stream: what is recorded must not refer to what happened there."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            result = compute(*inputs)
        torch.cuda.current_stream().wait_stream(self._stream)
        return result

    def _record(self, compute: Callable[..., torch.Tensor]) -> None:
        """Recording computes nothing; a graph has memory of its own, and where there is too little there is none."""
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                self._result = compute(*self._inputs)
        except RuntimeError as error:
            if not is_exhausted(error) and not is_exhausted(error.__context__ or error):
                raise
            torch.cuda.empty_cache()
        else:
            self._graph = graph
