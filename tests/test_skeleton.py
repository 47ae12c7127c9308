import pytest

from krolik.errors import InvalidLabels, NotFound
from krolik.skeleton import TEMPLATES, Skeleton, template


def test_mirrored_swaps_pairs():
    skeleton = Skeleton.of(["nose", "left_ear", "right_ear", "tail"])
    assert skeleton.mirrored().tolist() == [0, 2, 1, 3]


def test_templates_have_pairs_and_colours():
    for name, skeleton in TEMPLATES.items():
        assert len(set(skeleton.colors)) == len(skeleton), name
        sided = [n for n in skeleton.names if n.startswith(("left", "right"))]
        assert 2 * len(skeleton.pairs) == len(sided)
        assert Skeleton.from_json(skeleton.to_json()) == skeleton


def test_errors():
    with pytest.raises(InvalidLabels, match="'nose' occurs twice"):
        Skeleton.of(["nose", "nose"])
    with pytest.raises(InvalidLabels, match="empty name"):
        Skeleton.of(["nose", " "])
    with pytest.raises(InvalidLabels, match="unknown keypoint 'tail'"):
        Skeleton.of(["nose", "ear"], [("nose", "tail")])
    with pytest.raises(NotFound, match="rabbit, mouse, quadruped, fly"):
        template("dragon")
    with pytest.raises(InvalidLabels, match="not a skeleton"):
        Skeleton.from_json({"keypoints": [{"name": "a"}]})
