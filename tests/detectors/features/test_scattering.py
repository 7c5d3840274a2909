"""The bundled backbone against a float64 reference written for this test, and the promises it makes."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from detectors.errors import SettingRefused
from detectors.features.scattering import Scattering, wave_filters

NETWORK = Scattering()


def features(pictures):
    with torch.no_grad():
        return NETWORK(pictures)


def pictures(count, height, width, seed=0):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def reference(picture):
    """One (3, H, W) picture -> three maps, in float64 numpy and scipy, filter by filter."""
    filters = wave_filters().numpy()

    def halve(plane):
        taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
        return correlate2d(np.pad(plane, 1, mode="edge"), taps, mode="valid")[::2, ::2]

    def waves(plane):
        wide = np.pad(plane, 5, mode="symmetric")
        even, odd = ([correlate2d(wide, f, mode="valid") for f in part] for part in (filters[:8], filters[8:]))
        return [np.sqrt(e**2 + o**2 + 1e-8) for e, o in zip(even, odd, strict=True)]

    def bend(plane):
        return np.sign(plane) * np.log(1 + 8 * np.abs(plane))

    r, g, b = np.asarray(picture, dtype=np.float64)
    colours = [4 * (0.299 * r + 0.587 * g + 0.114 * b), 2 * (r - g), r + g - 2 * b]
    pyramid = [colours]
    for _ in range(4):
        pyramid.append([halve(plane) for plane in pyramid[-1]])
    first = {o: [w for plane in pyramid[o] for w in waves(plane)] for o in (1, 2, 3, 4)}
    paths = {}
    for fine in (1, 2, 3):
        planes = first[fine][:8]
        for coarse in range(fine + 1, 5):
            planes = [halve(plane) for plane in planes]
            paths[fine, coarse] = [w for plane in planes for w in waves(plane)]
    down = [halve(w) for w in first[1]]
    level4 = [*down, *pyramid[2]]
    level8 = [*[halve(w) for w in (*first[2], *paths[1, 2])], *pyramid[3]]
    oct3 = [halve(w) for w in (*first[3], *paths[1, 3], *paths[2, 3])]
    level16 = [*oct3, *first[4], *paths[1, 4], *paths[2, 4], *paths[3, 4], *pyramid[4]]
    return [np.stack([bend(plane) for plane in level]) for level in (level4, level8, level16)]


def test_every_channel_equals_the_float64_reference():
    picture = pictures(1, 32, 48)
    maps, pooled = features(picture)
    for found, expected in zip(maps, reference(picture[0]), strict=True):
        np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-4, atol=2e-5)
    level4, level8, level16 = (torch.from_numpy(level).mean((1, 2)).float() for level in reference(picture[0]))
    first = torch.cat([level4[:24], level8[:24], level16[:24], level16[152:176]])
    second = torch.cat([level8[24:88], level16[24:152], level16[176:368]])
    for found, expected in zip(pooled, (level4[24:], first, second), strict=True):
        torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=2e-5)


def test_filters_are_blind_to_brightness_have_energy_one_and_are_even_and_odd():
    filters = wave_filters()
    assert filters.shape == (16, 11, 11)
    assert filters.sum((1, 2)).abs().max() < 1e-12
    torch.testing.assert_close(filters.square().sum((1, 2)), torch.ones(16, dtype=torch.float64))
    turned = filters.flip(1, 2)
    torch.testing.assert_close(turned[:8], filters[:8])
    torch.testing.assert_close(turned[8:], -filters[8:])


def test_each_direction_answers_most_to_its_own_grating():
    y, x = np.mgrid[-5:6, -5:6]
    filters = wave_filters().numpy()
    for k in range(8):
        phase = 0.75 * 3 * np.pi / 4 * (x * np.cos(k * np.pi / 8) + y * np.sin(k * np.pi / 8))
        grating = np.cos(phase)
        answers = np.hypot((filters[:8] * grating).sum((1, 2)), (filters[8:] * grating).sum((1, 2)))
        assert answers.argmax() == k


@pytest.mark.parametrize(("y", "x"), [(40, 40), (47, 49), (55, 72), (66, 33), (88, 57)])
def test_a_dot_peaks_at_its_place_in_every_level(y, x):
    blank = torch.full((1, 3, 128, 128), 0.5)
    dotted = blank.clone()
    dotted[:, :, y, x] = 1.0
    for level, (one, other) in enumerate(zip(features(dotted)[0], features(blank)[0], strict=True)):
        stride = NETWORK.strides[level]
        change = (one - other).square().sum(1)[0]  # (h, w)
        row, column = divmod(int(change.argmax()), change.shape[1])
        for cell, place in ((row, y), (column, x)):
            assert abs((cell + 0.5) * stride - 0.5 - place) <= stride / 2
        # Within the peak, too: the change's centre of mass is the dot, not half a cell beside it.
        weight = change.double() / change.double().sum()
        centre = (torch.arange(len(change)) + 0.5) * stride - 0.5
        assert abs(float((weight.sum(1) * centre).sum()) - y) <= stride / 2
        assert abs(float((weight.sum(0) * centre).sum()) - x) <= stride / 2


def test_a_shift_by_the_coarsest_stride_shifts_every_level():
    """The texture is small and far from the edges, so nothing but the shift can differ."""
    picture = torch.full((1, 3, 384, 384), 0.4)
    picture[:, :, 176:208, 160:192] = pictures(1, 32, 32)
    shifted = picture.roll((16, 32), (2, 3))
    for stride, one, other in zip(NETWORK.strides, features(picture)[0], features(shifted)[0], strict=True):
        torch.testing.assert_close(one.roll((16 // stride, 32 // stride), (2, 3)), other, rtol=0, atol=1e-5)
        assert (one - other).abs().max() > 0.1


def test_sizes_are_what_the_class_says():
    maps, pooled = features(pictures(2, 64, 96))
    assert [tuple(m.shape) for m in maps] == [
        (2, c, 64 // s, 96 // s) for c, s in zip(NETWORK.channels, NETWORK.strides, strict=True)
    ]
    assert [tuple(p.shape) for p in pooled] == [(2, 3), (2, 96), (2, 384)]
    assert len(NETWORK.stages) == 3


def test_a_picture_does_not_depend_on_the_others_nor_on_the_run():
    batch = pictures(5, 64, 64)
    together = features(batch)
    again = features(batch)
    for part in range(2):
        for level, whole in enumerate(together[part]):
            assert torch.equal(whole, again[part][level])
            alone = torch.cat([features(batch[i : i + 1])[part][level] for i in range(5)])
            torch.testing.assert_close(whole, alone, rtol=0, atol=1e-6)


def test_a_constant_picture_has_no_waves_and_a_finite_gradient():
    flat = torch.full((1, 3, 64, 64), 0.7, requires_grad=True)
    maps, pooled = NETWORK(flat)
    assert maps[0][:, :24].max() < 2e-3  # the floor under the root: log(1 + 8e-4)
    sum(p.sum() for p in pooled).backward()
    assert flat.grad.isfinite().all()


def test_a_mirrored_picture_gives_mirrored_colours():
    picture = pictures(1, 64, 64)
    for found, mirrored in zip(features(picture)[0], features(picture.flip(3))[0], strict=True):
        torch.testing.assert_close(found[:, -3:].flip(3), mirrored[:, -3:])


def test_a_size_that_does_not_divide_is_extended_alike_on_both_ends():
    picture = pictures(1, 90, 102)
    extended = torch.nn.functional.pad(picture, (5, 5, 3, 3), mode="replicate")
    for one, other in zip(features(picture)[0], features(extended)[0], strict=True):
        assert torch.equal(one, other)


def test_a_picture_too_small_for_the_coarsest_grid_is_refused():
    with pytest.raises(SettingRefused) as refused:
        features(pictures(1, 24, 100))
    assert str(refused.value) == (
        "The scattering backbone needs pictures of at least 32 x 32 pixels, found 24 x 100. Choose 224."
    )
