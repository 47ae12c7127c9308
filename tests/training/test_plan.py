"""Every decision has a reason, follows the data, and can be overridden."""

from dataclasses import replace

import numpy as np
import pytest

from krolik.actions.planning import wishes
from krolik.errors import InvalidSetting
from krolik.poses import FrameKey, State
from krolik.scales import ASSUMED
from krolik.skeleton import Skeleton
from krolik.training.budget import Budget
from krolik.training.fingerprint import DataFingerprint, Headings, measure_data
from krolik.training.machine import MachineFingerprint, measure_machine
from krolik.training.plan import CROP_PX, SMALL_CROP_PX, WORKERS, Plan, Settings, decide, worth_a_body
from krolik.training.training_set import Sample

MACHINE = MachineFingerprint(2, "cpu", "test", 0.5)
TURNS, UPRIGHT = Headings(0.13, 0.4, 40.0, 40.0), Headings(0.0, 0.05, 150.0, 150.0)
SHARES = (0.14, 0.17, 0.2)
MOUSE = DataFingerprint(93, ((640, 480),), 1, 125.0, 110.0, SHARES, 1.3, 0.3, TURNS, 1.0, 1, (93, 93, 93, 93))


def test_a_small_animal_gets_a_crop():
    plan = decide(MOUSE, MACHINE, Settings())
    assert (plan.pipeline, plan.input_size) == ("crop", (192, 192))
    assert 125 < plan.input_size[0] / plan.scale < 200
    assert plan.augmentation.rotation_deg == 180 and plan.augmentation.mirror
    assert plan.precision == "float32"


def test_an_animal_that_fills_the_frame_does_not():
    plan = decide(replace(MOUSE, extent_px=417.0, frame_sizes=((640, 470), (832, 747)), headings=UPRIGHT, pairs=0),
                  MACHINE, Settings())  # fmt: skip
    assert (plan.pipeline, plan.input_size) == ("whole", (256, 256))
    assert plan.augmentation.rotation_deg == 25 and not plan.augmentation.mirror
    assert plan.locator_share == 0


def test_bf16_only_where_it_is_faster():
    assert decide(MOUSE, replace(MACHINE, bf16_speedup=1.6), Settings()).precision == "bfloat16"


def test_overrides_say_so_and_every_decision_has_a_reason():
    plan = decide(MOUSE, MACHINE, Settings(pipeline="whole", width=0.5, batch_size=4, network="mobilenetv2"))
    assert (plan.pipeline, plan.width, plan.batch_size, plan.network) == ("whole", 0.5, 4, "mobilenetv2")
    assert plan.reasons["pipeline"].startswith("set by you (computed: crop")
    decided = {"network", "width", "pipeline", "input_size", "scale", "batch_size", "augmentation.rotation_deg",
               "augmentation.mirror", "precision",
               "pretrained", "threads"}  # fmt: skip
    assert decided <= set(plan.reasons) and all(plan.reasons.values())


def test_a_body_is_worth_it_for_few_labels_or_when_it_is_wished():
    few = replace(MOUSE, frames=20)
    assert worth_a_body(few, Settings()) and not worth_a_body(MOUSE, Settings())
    assert worth_a_body(MOUSE, Settings(network="mobilenetv2")) and worth_a_body(MOUSE, Settings(pretrained="x"))
    plan = decide(few, MACHINE, Settings(), "mobilenetv2_050_x.safetensors")
    assert plan.network == "mobilenetv2" and plan.body_learning_rate < plan.learning_rate
    assert "fewer than 50" in plan.reasons["network"]


def test_keypoints_weigh_the_same_unless_the_user_says_otherwise():
    rare = replace(MOUSE, labelled=(93, 93, 40, 3))
    assert decide(rare, MACHINE, Settings()).keypoint_weights == (1, 1, 1, 1)
    for text in ("1,1,1,2.5", "1 1 1 2.5", " 1, 1, 1, 2.5 "):  # as on the command line, as the plan shows them
        wished = decide(rare, MACHINE, Settings(overrides={"keypoint_weights": text}))
        assert wished.keypoint_weights == (1, 1, 1, 2.5)
    with pytest.raises(InvalidSetting, match="keypoint_weights"):
        decide(rare, MACHINE, Settings(overrides={"keypoint_weights": "1,2"}))


def test_every_field_can_be_set_by_name():
    wishes = {"learning_rate": "1e-3", "augmentation.mirror": "no", "augmentation.scale": "0.9,1.2", "threads": "1"}
    plan = decide(MOUSE, MACHINE, Settings(overrides=wishes))
    assert (plan.learning_rate, plan.augmentation.mirror, plan.threads) == (1e-3, False, 1)
    assert plan.augmentation.scale == (0.9, 1.2)
    assert plan.reasons["learning_rate"] == "set by you (computed: 0.002)"
    assert ("augmentation.mirror", "False", "set by you (computed: True)") in plan.rows()
    unfit = "learning_rate=-1 learning_rate=nan input_size=256 sigma_px=0 threads=0 threads=1.5 average_decay=1"
    for wish in [*unfit.split(), "augmentation.scale=1", "augmentation.mirror=maybe", "precision=int8", "reasons=x"]:
        name, _, value = wish.partition("=")
        with pytest.raises(InvalidSetting):
            decide(MOUSE, MACHINE, Settings(overrides={name: value}))


def test_nonsense_is_refused():
    with pytest.raises(InvalidSetting, match="not a multiple of 64"):
        decide(MOUSE, MACHINE, Settings(input_px=100))
    with pytest.raises(InvalidSetting, match="one picture of 64 px at a time"):
        Settings(input_px=64, batch_size=1)
    with pytest.raises(InvalidSetting, match="several animals"):
        decide(replace(MOUSE, animals=2), MACHINE, Settings(pipeline="whole"))
    with pytest.raises(InvalidSetting, match="no network is named"):
        Settings(network="yolo")
    with pytest.raises(InvalidSetting, match="There are: batch_size, engine, input_px, overrides"):
        wishes(input=96)
    for wish in ({"width": "wide"}, {"input_px": 128.0}, {"batch_size": True}, {"scale": float("nan")}, {"seed": None}):
        with pytest.raises(InvalidSetting, match="makes no sense here"):
            Settings(**wish)
    assert Settings(input_px=np.int64(128), seed=np.int32(1)).input_px == 128


def test_plan_survives_json():
    import json

    plan = decide(MOUSE, MACHINE, Settings(budget=Budget(steps=7)))
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_a_locator_gets_more_of_a_short_budget():
    """Where the animal is must be known first; but no more than LOCATOR_MOST, and the pose keeps what is asked for."""
    shares = {text: decide(MOUSE, MACHINE, Settings(budget=Budget.parse(text))).locator_share
              for text in ("10s", "25s", "60s", "10m", "200steps", "500steps", "3000steps")}  # fmt: skip
    assert shares == {"10s": 0.4, "25s": 0.32, "60s": 0.15, "10m": 0.15, "200steps": 0.4, "500steps": 0.3,
                      "3000steps": 0.15}  # fmt: skip
    assert "locator_share" in {row[0] for row in decide(MOUSE, MACHINE, Settings()).rows()}


@pytest.mark.parametrize(("extent", "frame", "size"), [
    (100, (640, 480), (192, 128)), (117, (1024, 1024), (192, 192)), (100, (1920, 1080), (256, 192)),
    (100, (3840, 2880), (576, 448)), (20, (3840, 2160), (576, 320)), (250, (1080, 1920), (128, 192)),
])  # fmt: skip
def test_small_animals_are_looked_for_in_larger_thumbnails(extent, frame, size):
    data = replace(MOUSE, typical_extent_px=extent, extent_px=1.2 * extent, frame_sizes=(frame,))
    plan = decide(data, MACHINE, Settings(budget=Budget(seconds=60)))
    assert plan.locator_size == size
    assert (plan.locator_share > 0.15) == (size[0] * size[1] > 192 * 192 * 1.15)


def test_animals_of_unlike_sizes_are_looked_at_in_steps():
    far_and_near = replace(MOUSE, size_spread=5.0, shares=(0.1, 0.2, 0.5))
    plan = decide(far_and_near, MACHINE, Settings())
    assert plan.pipeline == "crop" and len(plan.spans) == 4 and plan.spans[-1] == pytest.approx(1.3 * 0.5)
    assert "spans" in {row[0] for row in plan.rows()} and plan.reasons["spans"].startswith("animals span 10% to 50%")
    assert plan.locator_size == (192, 128) and decide(
        replace(far_and_near, shares=(0.03, 0.1, 0.5)), MACHINE, Settings()).locator_size[0] > 400  # fmt: skip
    assert Plan.from_json(plan.to_json()) == plan
    assert not decide(far_and_near, MACHINE, Settings(scale=1.0)).spans  # as wished
    assert not decide(far_and_near, MACHINE, Settings(pipeline="whole")).spans
    assert not decide(MOUSE, MACHINE, Settings()).spans
    older = plan.to_json()
    del older["spans"]
    assert Plan.from_json(older).spans == ()


def test_frames_of_unlike_sizes_with_the_same_scene_need_one_step():
    """A third and thrice the width: the animal spans the same part of each."""
    data = replace(MOUSE, size_spread=9.0, frame_sizes=((213, 160), (640, 480), (1920, 1440)))
    plan = decide(data, MACHINE, Settings())
    assert plan.spans == (pytest.approx(1.3 * 0.2),)
    assert [plan.scales.of(size) for size in data.frame_sizes] == [
        [pytest.approx(192 / (0.26 * width), rel=1e-3)] for width in (213, 640, 1920)]  # fmt: skip


def test_a_gpu_gets_several_threads_that_prepare():
    assert decide(MOUSE, MACHINE, Settings()).workers == 1
    assert decide(MOUSE, replace(MACHINE, device="cuda", cores=16), Settings()).workers == WORKERS
    assert decide(MOUSE, replace(MACHINE, device="cuda", cores=1), Settings()).workers == 1


def test_machine_is_measured():
    machine = measure_machine()
    assert machine.cores >= 1 and machine.bf16_speedup >= 0


def test_what_was_measured_is_remembered(monkeypatch, tmp_path):
    """The same machine gets the same plan; a damaged memory is measured anew."""
    monkeypatch.setenv("KROLIK_CACHE", str(tmp_path))
    speeds = iter([1.31, 0.9, 1.7])
    monkeypatch.setattr("krolik.training.machine._bf16_speedup", lambda device, cores: next(speeds))
    assert measure_machine().bf16_speedup == measure_machine().bf16_speedup == 1.31
    (tmp_path / "machine.json").write_text("[broken")
    assert measure_machine().bf16_speedup == 0.9


def test_emulated_bf16_is_never_chosen():
    plan = decide(MOUSE, replace(MACHINE, bf16_speedup=0.0), Settings())
    assert plan.precision == "float32" and "no bfloat16" in plan.reasons["precision"]


def test_another_animal_is_laid_beside_the_one_that_is_meant_where_there_may_be_one():
    """Where frames show several, or pictures are cut out around one; a plan from before knows nothing of it."""
    chances = [decide(data, MACHINE, Settings()).augmentation.neighbour_chance
               for data in (MOUSE, replace(MOUSE, animals=2), replace(MOUSE, off_middle=0.01))]  # fmt: skip
    assert chances == [0.0, 0.5, 0.5]
    wished = decide(MOUSE, MACHINE, Settings(overrides={"augmentation.neighbour_chance": "0.2"}))
    assert wished.augmentation.neighbour_chance == 0.2
    document = wished.to_json()
    del document["augmentation"]["neighbour_chance"]
    assert Plan.from_json(document).augmentation.neighbour_chance == 0.0


def samples(angles, rng) -> list[Sample]:
    out = []
    for i, angle in enumerate(angles):
        middle = rng.uniform(100, 300, 2)
        along = 50 * np.array([np.cos(angle), np.sin(angle)])
        points = np.array([[middle + along, middle - along, middle]], np.float32)
        out.append(Sample(FrameKey("v", i), (640, 480), points, np.full((1, 3), State.VISIBLE, np.int8)))
    return out


def test_fingerprint_tells_top_from_side_view(rng):
    bones = Skeleton.of(["nose", "tail", "left_ear"])
    top = measure_data(samples(rng.uniform(-np.pi, np.pi, 80), rng), bones)
    side = measure_data(samples(np.concatenate([rng.normal(0, 0.3, 40), rng.normal(np.pi, 0.3, 40)]), rng), bones)
    assert top.from_above and top.headings.vertical > 0.12 and top.headings.gap_deg < 50
    assert not side.from_above and side.headings.vertical < 0.02 and side.headings.gap_deg > 90
    assert top.labelled == (80, 80, 80) and 70 < top.extent_px <= 100.1


def sized(factors, rng, labelled=slice(None)) -> list[Sample]:
    """Animals in any pose so many times as large, of which only some points may be labelled."""
    out = []
    for sample, factor in zip(samples(rng.uniform(-np.pi, np.pi, len(factors)), rng), factors, strict=True):
        states = np.full((1, 3), State.UNKNOWN, np.int8)
        states[:, labelled] = State.VISIBLE
        points = np.where((states == State.VISIBLE)[..., None], sample.points * np.float32(factor), np.nan)
        out.append(replace(sample, points=points.astype(np.float32), states=states))
    return out


def test_how_much_animals_differ_in_size_does_not_depend_on_pose_and_labels(rng):
    bones = Skeleton.of(["nose", "tail", "left_ear"])
    alike = [*sized(np.ones(30), rng), *sized(np.ones(30), rng, slice(0, 3, 2))]  # the latter show a half of the body
    assert measure_data(alike, bones).size_spread < 1.1 and not measure_data(alike, bones).varied
    unlike = measure_data(sized(np.exp(rng.uniform(np.log(0.5), np.log(2), 60)), rng), bones)
    assert 3 < unlike.size_spread < 4.1 and unlike.varied
    assert 0 < unlike.shares[0] < unlike.shares[1] < unlike.shares[2]


def test_pictures_that_were_cut_out_around_an_animal_are_told_from_films(rng):
    bones = Skeleton.of(["nose", "tail", "left_ear"])
    filmed = samples(rng.uniform(-np.pi, np.pi, 40), rng)
    cut = [replace(s, points=s.points - s.points[:, 2:] + np.float32([319.5 + rng.uniform(-9, 9), 239.5]))
           for s in filmed]  # fmt: skip
    assert measure_data(cut, bones).cut_out and not measure_data(filmed, bones).cut_out
    both = [replace(s, points=np.concatenate([s.points, s.points]), states=np.concatenate([s.states, s.states]))
            for s in cut]  # fmt: skip
    assert not measure_data(both, bones).cut_out  # several in a frame are another matter


def mice(angles, rng, exchanged=0) -> list[Sample]:
    """Seen from above; of the first few, left and right are the other way round."""
    body = np.array([[50, 0], [30, -12], [30, 12], [-50, 0]])
    out = []
    for i, angle in enumerate(angles):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        order = [0, 2, 1, 3] if i < exchanged else [0, 1, 2, 3]
        points = (body[order] @ turn + rng.uniform(100, 300, 2)).astype(np.float32)[None]
        out.append(Sample(FrameKey("v", i), (640, 480), points, np.full((1, 4), State.VISIBLE, np.int8)))
    return out


def test_half_a_circle_of_headings_is_a_view_from_above_if_left_stays_left(rng):
    """Two animals that never looked up the picture while they were labelled will do so later."""
    bones = Skeleton.of(["nose", "left_ear", "right_ear", "tail"])
    angles = np.linspace(-0.5, np.pi + 0.5, 60)
    seen = measure_data(mice(angles, rng), bones)
    assert seen.headings.vertical == 0 and seen.headings.steep > 0.2 and seen.one_way_round == 1
    plan = decide(seen, MACHINE, Settings())
    assert plan.augmentation.rotation_deg == 90
    assert "widest gap" in plan.reasons["augmentation.rotation_deg"]
    mixed = measure_data(mice(angles, rng, exchanged=20), bones)
    assert mixed.one_way_round == pytest.approx(2 / 3)
    assert decide(mixed, MACHINE, Settings()).augmentation.rotation_deg == 25


def test_an_animal_that_never_turns_is_not_turned(rng):
    """Seen from above with its head fixed: later frames show it the same way."""
    bones = Skeleton.of(["nose", "left_ear", "right_ear", "tail"])
    fixed = measure_data(mice(rng.normal(np.pi / 2, 0.2, 60), rng), bones)
    assert fixed.headings.gap_deg > 240 and fixed.one_way_round == 1
    assert decide(fixed, MACHINE, Settings()).augmentation.rotation_deg == 25


@pytest.mark.parametrize(("gap", "reach"), [(40, 180), (61, 90), (150, 90), (190, 105), (300, 160), (360, 180)])
def test_pictures_turn_until_no_heading_stays_unseen(gap, reach):
    seen = replace(MOUSE, headings=Headings(0.1, 0.3, gap, gap))
    assert decide(seen, MACHINE, Settings()).augmentation.rotation_deg == reach
    assert gap <= 60 or 2 * reach >= gap


def test_pictures_turn_further_for_a_rarely_labelled_keypoint(rng):
    """A tail that three frames show, all with the body pointing one way, must be found whichever way it points."""
    bones = Skeleton.of(["nose", "left_ear", "right_ear", "tail"])
    seen = mice(np.linspace(-1.6, 2.6, 60), rng)
    rare = [replace(s, states=np.array([[3, 3, 3, 3 if i < 3 else State.UNKNOWN]], np.int8), framing=s.points)
            for i, s in enumerate(seen)]  # fmt: skip
    often, seldom = (measure_data(s, bones) for s in (seen, rare))
    assert often.headings.gap_deg == seldom.headings.gap_deg == often.headings.unseen_deg < 130
    assert seldom.headings.unseen_deg > 340
    turned = [decide(data, MACHINE, Settings()).augmentation.rotation_deg for data in (often, seldom)]
    assert turned == [90, 180]


def test_a_few_stray_headings_do_not_close_a_gap(rng):
    bones = Skeleton.of(["nose", "tail", "left_ear"])
    sideways = np.concatenate([np.linspace(-0.3, 0.3, 199), [np.pi / 2]])
    assert measure_data(samples(sideways, rng), bones).headings.gap_deg > 300


def test_one_keypoint_does_not_show_how_large_an_animal_is_so_a_part_of_the_frame_is_assumed():
    bones = Skeleton.of(["nose"])
    one = Sample(FrameKey("v", 0), (640, 480), np.array([[[5, 6]]], np.float32), np.array([[3]], np.int8))
    data = measure_data([one], bones)
    assert not data.sized and data.extent_px == data.typical_extent_px == ASSUMED * 640
    plan = decide(data, MACHINE, Settings())
    assert plan.pipeline == "crop" and plan.locator_size == (192, 128) and plan.augmentation.rotation_deg == 25
    assert plan.input_size[0] / plan.scale == pytest.approx(1.3 * ASSUMED * 640, rel=1e-3)
    assert plan.within_px == pytest.approx(0.05 * ASSUMED * 640)
    assert not any("95 % of the animals" in reason for _, _, reason in plan.rows())
    two = replace(one, points=np.array([[[5, 6]], [[300, 200]]], np.float32), states=np.array([[3], [3]], np.int8))
    several = decide(measure_data([one, two], bones), MACHINE, Settings())
    assert several.animals == 2 and several.scale == plan.scale and several.augmentation.neighbour_chance == 0


def test_a_few_keypoints_close_together_get_a_crop_that_may_hold_a_larger_animal():
    ears = replace(MOUSE, extent_px=21.0, typical_extent_px=20.0, shares=(0.02, 0.03, 0.033), labelled=(93, 93))
    shown = lambda data: (plan := decide(data, MACHINE, Settings())).input_size[0] / plan.scale  # noqa: E731
    assert shown(ears) == pytest.approx(1.3 * ASSUMED * 640, rel=1e-3)
    assert shown(replace(ears, labelled=(93,) * 4)) == SMALL_CROP_PX / 2  # more are spread over the animal
    assert shown(replace(ears, frame_sizes=((3840, 2160),))) == CROP_PX  # no picture is made smaller for that
    assert shown(replace(MOUSE, labelled=(93, 93))) == shown(MOUSE)  # those that are far apart show how large it is


def test_an_outline_says_how_much_a_crop_around_a_single_keypoint_must_show():
    """The whole animal, on whichever side of its keypoint it lies."""
    nose = replace(MOUSE, extent_px=90.0, typical_extent_px=90.0, labelled=(93,), outlined=True)
    plan = decide(nose, MACHINE, Settings())
    assert plan.scale == pytest.approx(192 / (1.3 * 180), abs=1e-3) and "by its outline" in plan.reasons["scale"]
    assert plan.within_px == pytest.approx(0.05 * 90) and plan.augmentation.rotation_deg == 25
    assert (plan.pipeline, decide(replace(nose, extent_px=150.0), MACHINE, Settings()).pipeline) == ("crop", "whole")
    small = replace(nose, extent_px=25.0)
    assert decide(small, MACHINE, Settings()).input_size == (SMALL_CROP_PX, SMALL_CROP_PX)
    assert decide(replace(small, outlined=False), MACHINE, Settings()).input_size == (CROP_PX, CROP_PX)


@pytest.mark.parametrize(("change", "side"), [
    ({"extent_px": 50.0}, SMALL_CROP_PX), ({"extent_px": 54.0}, CROP_PX),
    ({"extent_px": 50.0, "animals": 9}, SMALL_CROP_PX),
    ({"extent_px": 20.0, "labelled": (93, 93)}, CROP_PX),  # may be the head of a large animal
    ({"extent_px": 50.0, "size_spread": 3.0, "shares": (0.02, 0.08, 0.2)}, CROP_PX),  # looked at in several sizes
    ({"extent_px": 50.0, "sized": False, "labelled": (93,)}, CROP_PX),
])  # fmt: skip
def test_small_animals_are_seen_in_small_crops(change, side):
    """Where a crop enlarges a frame's pixels already, a larger one takes longer and shows no more."""
    plan = decide(replace(MOUSE, **change), MACHINE, Settings())
    assert plan.input_size == (side, side) and plan.pipeline == "crop"
    assert decide(replace(MOUSE, **change), MACHINE, Settings(input_px=256)).input_size == (256, 256)


def test_the_choice_among_peaks_can_be_switched_off():
    assert decide(MOUSE, MACHINE, Settings()).proportions
    assert not decide(MOUSE, MACHINE, Settings(overrides={"proportions": "false"})).proportions
