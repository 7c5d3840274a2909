"""Pictures unlike those that a detector learnt from are told, by bits, shape and size; alike ones are not."""

from dataclasses import asdict

import pytest

from detectors.images.origins import Origin, Origins

PLATES = Origins.of([Origin("a", (96, 512), deep=False), Origin("b", (100, 500), deep=False)])
THERMAL = Origins.of([Origin("a", (120, 160), deep=True)])


def said(origins, *pictures, **options):
    return [each.key for each in origins.unlike([Origin("x.png", *each) for each in pictures], **options)]


@pytest.mark.parametrize(
    ("learnt", "size", "deep", "keys"),
    [
        (PLATES, (96, 512), False, []),
        (PLATES, (96, 512), True, ["origins.more_bits"]),
        (THERMAL, (120, 160), True, []),
        (THERMAL, (120, 160), False, ["origins.fewer_bits"]),
        (PLATES, (512, 96), False, ["origins.shape"]),
        (PLATES, (64, 64), False, ["origins.shape", "origins.size"]),
        (PLATES, (24, 128), False, ["origins.size"]),
        (PLATES, (480, 2560), False, ["origins.size"]),
    ],
)
def test_what_is_unlike_is_told(learnt, size, deep, keys):
    assert said(learnt, (size, deep)) == keys


def test_the_pictures_are_counted_and_one_is_named():
    (sentence,) = THERMAL.unlike([Origin("a.png", (120, 160), deep=True), Origin("b.jpg", (120, 160), deep=False)])
    assert str(sentence).startswith("1 of 2 pictures has 8 bits (b.jpg), and the detector learnt from pictures with")


def test_where_both_depths_were_learnt_and_the_middle_is_cut_out_neither_is_told():
    both = Origins.of([Origin("a", (96, 512), deep=True), Origin("b", (96, 512), deep=False)])
    assert said(both, ((200, 200), True), ((200, 200), False), cropped=True) == []


def test_they_are_stored_and_a_strangers_are_refused():
    assert Origins.read(asdict(PLATES)) == PLATES
    for change in ({"pictures": "9"}, {"deep": None}, {"shapes": (1.0,)}, {"sides": (1.0, float("inf"))}, {"odd": 1}):
        with pytest.raises((TypeError, ValueError)):
            Origins.read(asdict(PLATES) | change)
