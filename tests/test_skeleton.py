import pytest

from krolik.errors import InvalidLabels, NotFound
from krolik.skeleton import TEMPLATES, Skeleton, split_side, symmetric_pairs, template


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left_ear", "right_ear"), ("leftear", "rightear"), ("LeftEar", "RightEar"), ("ear_L", "ear_R"),
        ("L_ear", "R_ear"), ("earL", "earR"), ("LEar", "REar"), ("ear.left", "ear.right"), ("left ear", "right ear"),
        ("Левое ухо", "Правое ухо"), ("лапа_левая", "лапа_правая"), ("лев_глаз", "прав_глаз"), ("ухо_Л", "ухо_П"),
        ("左耳", "右耳"), ("left_paw_2", "right_paw_2"), ("earleft", "earright"),
    ],
)  # fmt: skip
def test_symmetric_pairs_from_names(left, right):
    assert symmetric_pairs(["nose", right, left, "tail"]) == [(left, right)]


@pytest.mark.parametrize("name", ["nose", "tail", "Hand", "Finger1", "plate", "rear", "лапа", "R", "L"])
def test_no_side(name):
    assert split_side(name)[0] is None


def test_no_pair_without_partner():
    assert symmetric_pairs(["leftover", "left_ear", "nose"]) == []
    assert symmetric_pairs(["left_ear", "l_ear", "right_ear"]) == []


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
