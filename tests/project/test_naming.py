"""Names that tell videos apart: none twice, whatever the disk makes of large and small letters."""

from hypothesis import given
from hypothesis import strategies as st

from krolik.project.naming import distinct, stems

PARTS = st.sampled_from(["a", "b", "A", "cam", "Cam", "a_cam"])
FILES = st.sampled_from(["cam.mp4", "Cam.mp4", "cam.avi", "a_cam.mp4", "cam-2.mp4", "cam", "cam.mp4.avi"])
PATHS = st.lists(st.tuples(st.lists(PARTS, max_size=3), FILES).map(lambda p: "/".join(["", *p[0], p[1]])), unique=True)


@given(PATHS, st.sets(FILES))
def test_no_name_is_given_twice_nor_taken(paths, taken):
    names = [name.lower() for name in distinct(paths, taken)]
    assert len(set(names)) == len(names) == len(paths) and not set(names) & {name.lower() for name in taken}


@given(PATHS)
def test_files_about_videos_are_called_differently(paths):
    found = [stem.lower() for stem in stems(distinct(paths))]
    assert len(set(found)) == len(found)


def test_folders_come_before_what_is_called_the_same():
    assert distinct(["/june/mon/cam.mp4", "/june/tue/cam.mp4", "/x.mp4"]) == ["mon_cam.mp4", "tue_cam.mp4", "x.mp4"]
    assert distinct(["C:\\mon\\cam.mp4"], ["CAM.mp4", "mon_cam.mp4"]) == ["cam-2.mp4"]
    assert stems(["mon_cam.mp4", "rabbit.mp4", "Rabbit.avi"]) == ["mon_cam", "rabbit.mp4", "Rabbit.avi"]
