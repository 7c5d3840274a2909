"""Which frames are taken: sharp ones that differ, each by its own witness."""

import numpy as np
from fixtures import camera
from PIL import Image, ImageFilter
from scipy.ndimage import convolve

from detectors.live import selection
from detectors.live.selection import Selection, difference, grey, sharpness, shrunk


def judge(taking, seconds, now=None, pixels=None):
    return taking.judge(round(10 * seconds), b"", camera.square(seconds) if pixels is None else pixels, now or seconds)


def test_sharpness_is_the_variance_of_the_laplacian():
    levels = grey(camera.square(0.0)).astype(np.float64)
    kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
    expected = convolve(levels, kernel, mode="reflect").var()
    assert abs(sharpness(grey(camera.square(0.0))) - expected) < 1e-3 * expected


def test_difference_is_the_root_mean_square_over_cells():
    one, other = (grey(camera.square(t)) for t in (0.0, 1.0))
    cells = [levels.reshape(32, 8, 32, 8).mean((1, 3)) for levels in (one, other)]
    assert abs(difference(shrunk(one), shrunk(other)) - np.sqrt(((cells[0] - cells[1]) ** 2).mean())) < 0.3


def test_a_frame_that_differs_is_taken_and_a_copy_is_not():
    taking = Selection()
    taking.begin(0.0)
    assert [judge(taking, t) for t in (0.0, 0.02, 0.6)] == ["taken", "alike", "taken"]
    assert [each.number for each in taking.kept] == [0, 6]


def test_twenty_frames_of_a_part_that_moves_come_within_five_seconds_and_not_at_once():
    taking = Selection()
    taking.begin(0.0)
    taken = [t for t in np.arange(0, camera.PERIOD, 0.1) if judge(taking, t) == "taken"]
    assert len(taken) >= selection.ENOUGH
    assert min(np.diff(taken)) >= selection.SPACING_SECONDS - 1e-9
    smalls = [each.small for each in taking.kept]
    assert min(difference(a, b) for i, a in enumerate(smalls) for b in smalls[:i]) >= selection.SMALLEST_DIFFERENCE


def test_a_blurred_frame_is_passed_over():
    taking = Selection()
    sharp = camera.square(0.5)
    blurred = np.array(Image.fromarray(camera.square(1.7)).filter(ImageFilter.GaussianBlur(4)))
    for seconds in (0.0, 0.3, 0.6):
        judge(taking, seconds)
    assert judge(taking, 1.7, pixels=blurred) == "blurred"
    assert judge(taking, 2.0, pixels=sharp) == "taken"


def test_nothing_is_seen_with_the_lens_covered():
    assert judge(Selection(), 0.0, pixels=np.full((256, 256, 3), 20, np.uint8)) == "blurred"


def test_less_is_asked_for_while_nothing_new_is_shown():
    taking = Selection()
    taking.begin(0.0)
    judge(taking, 0.0)
    assert taking.asked(0.0) == selection.DIFFERENCE
    assert taking.asked(2.0) == selection.DIFFERENCE / 2
    assert taking.asked(60.0) == selection.SMALLEST_DIFFERENCE


def test_what_moves_slowly_is_taken_as_well_and_more_is_asked_for_when_it_moves_again():
    taking = Selection()
    taking.begin(0.0)
    taken = [t for t in np.arange(0, 12, 0.1) if judge(taking, t / 40, now=t) == "taken"]
    assert len(taken) >= 7
    assert taking.asked(taken[-1]) < selection.DIFFERENCE
    judge(taking, 3.5, now=taken[-1] + 1)
    assert taking.asked(taken[-1] + 1) == selection.DIFFERENCE


def test_noise_alone_is_never_new():
    taking = Selection()
    judge(taking, 0.0)
    noisy = camera.square(0.0) + np.random.default_rng(0).normal(0, 3, (256, 256, 3))
    assert judge(taking, 60.0, pixels=np.clip(noisy, 0, 255).astype(np.uint8)) == "alike"


def test_a_frame_that_a_person_chose_is_taken_in_any_case_until_there_is_no_room():
    taking = Selection()
    assert {taking.add(i, b"", camera.square(0.0), 0.0) for i in range(selection.MOST)} == {"taken"}
    assert taking.add(99, b"", camera.square(0.0), 0.0) == judge(taking, 3.0) == "full"
    taking.remove(5)
    assert taking.add(100, b"", camera.square(0.0), 0.0) == "taken"
