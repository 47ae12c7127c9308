"""The frameworks themselves, where they are installed for Krolik on this computer: a few steps, exported and adopted.

`KROLIK_ENGINES` as it was when the tests began says where.
"""

import pytest

from krolik import api
from krolik.engines import environments
from krolik.engines.frameworks import FRAMEWORKS

INSTALLED = {name for name, framework in FRAMEWORKS.items() if environments.found(framework) is not None}
NETWORKS = {"deeplabcut": "cspnext_s", "sleap": "single_medium"}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FRAMEWORKS))
def test_a_few_steps(name, labelled):
    if name not in INSTALLED:
        pytest.skip(f"{name} is not installed for Krolik here (krolik engines install {name})")
    with api.open(labelled.path) as project:
        scale = {"scale": 0.5} if name == "sleap" else {}
        model = project.train(engine=name, network=NETWORKS[name], budget="3steps", pretrained="none", **scale)
        assert model.document["statistics"]["stages"]["pose"]["steps"] == 3
        assert project.evaluate(model.name).frames > 0
