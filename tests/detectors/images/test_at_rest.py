"""Pixels that lie in a file: the same pictures, read when they are looked at."""

import pickle
from dataclasses import replace

import numpy as np
from fixtures.picture_files import encoded, scene, zipped

from detectors import datasets
from detectors.datasets.files.contents import Resting, sha256, whole
from detectors.images import of_pixels
from detectors.images.at_rest import Rest
from detectors.images.limits import LIMITS


def test_pixels_come_back_as_they_were():
    rest = Rest()
    pictures = [of_pixels(scene(20 + i, 30, i), f"{i}.png") for i in range(3)]
    lying = [rest.lay(picture) for picture in pictures]
    for picture, other in zip(pictures, lying, strict=True):
        np.testing.assert_array_equal(other.pixels, picture.pixels)
        assert (other.sha256, other.frame, other.name) == (picture.sha256, picture.frame, picture.name)
        assert not other.pixels.flags.writeable
        travelled = pickle.loads(pickle.dumps(other))
        assert type(travelled) is type(picture)
        np.testing.assert_array_equal(travelled.pixels, picture.pixels)


def test_a_set_is_the_same_whether_its_pictures_lie_in_memory_or_not(tmp_path):
    files = {f"train/good/{i}.png": encoded(scene(40, 60, i)) for i in range(4)}
    files |= {"test/cut/9.png": encoded(scene(40, 60, 9)), "ground_truth/cut/9_mask.png": encoded(mask())}
    inside = datasets.load_zip(zipped(files), "a.zip")
    outside = datasets.load_zip(zipped(files), "a.zip", limits=replace(LIMITS, memory_mb=0.01))
    assert type(outside.train[-1].picture) is not type(inside.train[-1].picture)
    for a, b in zip((*inside.train, *inside.test), (*outside.train, *outside.test), strict=True):
        np.testing.assert_array_equal(a.picture.pixels, b.picture.pixels)
        assert (a.picture.sha256, a.kind) == (b.picture.sha256, b.kind)
    np.testing.assert_array_equal(inside.test[0].mask, outside.test[0].mask)


def test_a_zip_on_the_disk_is_read_as_one_in_memory(tmp_path):
    content = zipped({f"train/good/{i}.png": encoded(scene(40, 60, i)) for i in range(4)})
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    resting = Resting(path, len(content), sha256(content))
    found, same = datasets.load_zip(resting, "a.zip"), datasets.load_zip(content, "a.zip")
    assert whole(resting) == content
    assert found.recipe == same.recipe
    assert [s.picture.sha256 for s in found.train] == [s.picture.sha256 for s in same.train]


def mask():
    marked = np.zeros((40, 60), np.uint8)
    marked[5:15, 5:15] = 255
    return marked
