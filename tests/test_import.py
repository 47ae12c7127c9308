"""`import krolik` and `krolik --help` cost nothing, and prediction runs without torch."""

import subprocess
import sys

import pytest
import torch

import krolik
from krolik.training.machine import measure_machine

HEAVY = ("torch", "cv2", "pandas", "h5py", "onnxruntime", "av", "scipy")


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('\\n'.join(sys.modules))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.splitlines())


def test_import_is_light():
    loaded = modules_after("import krolik; krolik.Project; krolik.template")
    assert not [name for name in HEAVY if name in loaded]
    assert "numpy" not in modules_after("import krolik")


def test_help_is_light():
    loaded = modules_after("import krolik.cli.main")
    assert not [name for name in HEAVY if name in loaded]


def test_inference_needs_no_torch():
    loaded = modules_after("import krolik.inference.pipeline, krolik.actions.predicting, krolik.actions.running")
    assert "onnxruntime" in loaded
    assert "torch" not in loaded


@pytest.mark.skipif(bool(torch.version.cuda or torch.version.hip), reason="a GPU has to be asked")
def test_a_plan_on_a_processor_needs_no_torch():
    """Once the machine was measured: a page that shows the plan anew for each wish need not wait for torch."""
    measure_machine()
    planned = "import krolik.actions.planning, krolik.training.machine as m; m.measure_machine()"
    assert "torch" not in modules_after(planned)


def test_public_names():
    for name in krolik.__all__:
        assert getattr(krolik, name) is not None
