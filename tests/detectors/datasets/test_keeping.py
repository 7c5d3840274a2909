"""Files on the disk are brought to the kept side, and what was sent is removed; their set stays the same."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace

import numpy as np
import pytest
from fixtures.picture_files import encoded, scene, zipped
from fixtures.segmented import laid_apart

from detectors.datasets.files import keeping
from detectors.datasets.files.contents import Resting, whole
from detectors.datasets.files.keeping import keep
from detectors.datasets.sources import UploadSource
from detectors.images import LIMITS

GRAIN = np.random.default_rng(0).integers(0, 9, (900, 1300, 1), dtype=np.uint8)
LARGE = encoded(scene(900, 1300) // 2 + GRAIN, compress_level=1)
MARKED = np.zeros((900, 1300), np.uint8)
MARKED[100:300, 200:500] = 255
SOFT = MARKED * np.uint16(200) + np.random.default_rng(1).integers(0, 9_000, MARKED.shape, np.uint16)  # a mask


@pytest.fixture
def laid(tmp_path):
    def lay(name: str, content: bytes) -> Resting:
        path = tmp_path / name
        path.write_bytes(content)
        return Resting(path, len(content), hashlib.sha256(content).hexdigest())

    return lay


def archive() -> bytes:
    return zipped({
        "train/good/0.png": LARGE,
        "train/good/1.png": encoded(scene(seed=1)),
        "test/crack/2.png": LARGE,
        "test/crack/3.png": LARGE[:5000],
        "ground_truth/crack/2_mask.png": encoded(MARKED),
        "readme.txt": b"hello",
        "__MACOSX/._0.png": b"x",
        "\N{SNOWMAN}" * 1001 + ".png": b"x",
    })  # fmt: skip


def test_a_zip_and_loose_files_make_the_same_set_in_less_room(laid, tmp_path):
    def sent(name: str) -> UploadSource:
        loose = UploadSource(normal=(("x.png", laid(f"{name}2", LARGE)),), test=(("y.png", laid(f"{name}3", LARGE)),))
        return UploadSource(archive=("a.zip", laid_apart(packed, tmp_path / name))).added(loose)

    packed = archive()
    before, after = sent("a"), sent("b")
    shares: list[float] = []
    after.keep(shares.append)
    assert shares == sorted(shares)
    assert shares[-1] <= 1
    assert before.key == after.key
    assert after.bytes < 0.7 * before.bytes
    ours, theirs = after.load(), before.load()
    assert ours.recipe == theirs.recipe  # the sha256 of what was sent, so that a script finds it
    assert ours.report == theirs.report
    pairs = list(zip(ours.train + ours.test, theirs.train + theirs.test, strict=True))
    assert len(pairs) == 5
    for mine, other in pairs:
        assert (mine.picture.pixels == other.picture.pixels).all()
        assert mine.picture == replace(other.picture, pixels=mine.picture.pixels)
        assert (mine.mask is None) == (other.mask is None)
        assert mine.mask is None or (mine.mask == other.mask).all()


def test_a_mask_of_many_values_and_16_bits_stays_one(tmp_path):
    packed = zipped({
        "train/good/0.png": encoded(scene(seed=1)), "test/crack/2.png": LARGE,
        "ground_truth/crack/2_mask.png": encoded(SOFT, compress_level=0),
    })  # fmt: skip
    source = UploadSource(archive=("a.zip", laid_apart(packed, tmp_path / "a")))
    source.keep(lambda done: None)
    assert source.load().test[0].mask is not None


def test_what_was_sent_is_gone_as_soon_as_it_was_read_and_the_rest_with_its_owner(laid, tmp_path):
    content = laid("a", LARGE)
    content.remove_with_me()
    keep(content)
    assert [path.name for path in tmp_path.iterdir()] == ["a.kept"]
    assert content.occupied < len(content)
    assert whole(content).was.sha256 == content.sha256
    keep(content)
    del content
    assert not list(tmp_path.iterdir())


def test_a_picture_that_is_forgotten_while_it_is_shrunk_does_not_come_back(laid, tmp_path, monkeypatch):
    content = laid("a", LARGE)
    shrinking, forgotten = threading.Event(), threading.Event()

    def slowly(data, limits):
        shrinking.set()
        forgotten.wait(10)
        return shrink(data, limits)

    shrink = keeping.shrink
    monkeypatch.setattr(keeping, "shrink", slowly)
    work = threading.Thread(target=keep, args=(content,))
    work.start()
    shrinking.wait(10)
    content.path.unlink()
    forgotten.set()
    work.join()
    assert not list(tmp_path.iterdir())


def test_what_takes_no_less_room_and_what_is_no_zip_stays(laid, tmp_path):
    for name, content in (("a", encoded(scene())), ("b", b"PK\x03\x04 cut short"), ("c", b"")):
        keep(laid(name, content), LIMITS)
        assert (tmp_path / name).read_bytes() == content
