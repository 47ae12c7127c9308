import pytest
from hypothesis import given
from hypothesis import strategies as st

from krolik.side_names import split_side, symmetric_pairs


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("left_ear", "right_ear"), ("leftear", "rightear"), ("LeftEar", "RightEar"), ("ear_L", "ear_R"),
        ("L_ear", "R_ear"), ("earL", "earR"), ("LEar", "REar"), ("ear.left", "ear.right"), ("left ear", "right ear"),
        ("Левое ухо", "Правое ухо"), ("лапа_левая", "лапа_правая"), ("лев_глаз", "прав_глаз"), ("ухо_Л", "ухо_П"),
        ("左耳", "右耳"), ("left_paw_2", "right_paw_2"), ("earleft", "earright"), ("oreille_gauche", "oreille_droite"),
        ("Ohr links", "Ohr rechts"), ("oreja_izquierda", "oreja_derecha"), ("FL_paw", "FR_paw"), ("paw.HL", "paw.HR"),
        ("LF", "RF"), ("RL", "RR"), ("LHP", "RHP"), ("bl1", "br1"), ("Lfin", "Rfin"), ("lhip", "rhip"),
        ("finl", "finr"), ("L", "R"), ("передняяЛ_1", "передняяП_1"), ("ЗЛ", "ЗП"),
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


def test_of_abbreviations_each_finds_its_own():
    paws = ["RR", "FL", "RL", "FR"]
    assert sorted(symmetric_pairs(paws)) == [("FL", "FR"), ("RL", "RR")]
    assert sorted(symmetric_pairs(["LF_paw", "LH_paw", "RH_paw", "RF_paw"])) == [
        ("LF_paw", "RF_paw"),
        ("LH_paw", "RH_paw"),
    ]
    assert symmetric_pairs(["L1", "R2"]) == []


@pytest.mark.parametrize(
    "names",
    [
        ["RL", "LL", "RR", "LR"],  # right lower or rear left?
        ["ear1", "ear2"], ["collar", "corral"], ["file", "fire"], ["snout", "tail", "rail_end"],
    ],
)  # fmt: skip
def test_what_may_be_something_else_is_no_pair(names):
    assert symmetric_pairs(names) == []


@given(st.lists(st.text("lrLRflx_1", min_size=1, max_size=5), unique=True, max_size=8))
def test_no_name_is_in_two_pairs(names):
    paired = [name for pair in symmetric_pairs(names) for name in pair]
    assert len(paired) == len(set(paired)) and set(paired) <= set(names)
