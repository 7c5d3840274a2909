"""A ZIP in segments is what the same ZIP is in one: in its names, its refusals, its bytes and the set that it makes."""

import io
import struct
import zipfile
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from fixtures.picture_files import encoded, scene, zipped
from fixtures.segmented import found, laid_apart

from detectors.datasets.files import contents, keeping
from detectors.datasets.files.archives import list_zip
from detectors.datasets.files.contents import Resting, Segmented, carried, kept, whole
from detectors.datasets.files.segments import END, Segments, find
from detectors.datasets.joining import glimpses
from detectors.datasets.sources import UploadSource
from detectors.errors import Refusal
from detectors.images import LIMITS

NOISE = np.random.default_rng(0).integers(0, 255, (160, 200, 3), dtype=np.uint8)
LARGE = encoded(NOISE)  # 96 KB, which has a segment of its own
GRAIN = np.random.default_rng(0).integers(0, 9, (900, 1300, 1), dtype=np.uint8)
BEYOND = encoded(scene(900, 1300) // 2 + GRAIN, compress_level=1)  # larger than is kept
SMALL = encoded(scene())
SET = {
    "train/good/0.png": BEYOND, "train/good/1.png": SMALL, "test/crack/2.png": BEYOND,
    "test/crack/3.png": LARGE[:70_000], "test/good/4.png": LARGE,
    "ground_truth/crack/2_mask.png": encoded(NOISE[:90, :130, 0] // 128 * 255),
    "readme.txt": b"hello", "__MACOSX/._0.png": b"x", "labels.csv": b"file,label\n0.png,ok\n",
}  # fmt: skip
SETS = {f"{name}/{place}": data for name in ("cable", "pill") for place, data in SET.items()}


def written(change=lambda entry: None, files=SET, **how) -> bytes:
    """A ZIP of which each entry was changed before it was written."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **how) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = how.get("compression", zipfile.ZIP_STORED)
            change(entry)
            archive.writestr(entry, data)
    return buffer.getvalue()


def named(raw: bytes) -> bytes:
    """A ZIP whose names begin with these bytes, in no declared encoding."""
    return written(files={"X" * len(raw) + f"/{i}.png": LARGE for i in range(3)}).replace(b"X" * len(raw), raw)


def with_path(entry: zipfile.ZipInfo) -> None:
    name = f"가죽/{entry.filename}".encode()
    entry.extra = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, 0) + name


def link(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = 0o120777 << 16 if entry.filename.endswith("0.png") else 0


def changed(data: bytes, *at: tuple[int, int]) -> bytes:
    """Set bytes of each entry in the directory: (place after its mark, value)."""
    out, place = bytearray(data), -1
    while (place := data.find(b"PK\x01\x02", place + 1)) >= 0:
        for offset, value in at:
            out[place + offset] = value
    return bytes(out)


def with_comment(data: bytes, length: int) -> bytes:
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"c" * length
    return buffer.getvalue()


def bomb() -> bytes:
    return zipped({"good/0.png": bytes(40 * 2**20), "good/1.png": LARGE, "good/2.bmp": bytes(2**20)})


def twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return written(lambda entry: setattr(entry, "filename", f"good/{len(entry.filename) % 2}.png"))


APART = {
    "deflated": zipped(SET),
    "stored": written(),
    "two sets": zipped(SETS),
    "utf-8 names": written(files={f"정상/{i}.png": LARGE for i in range(3)}),
    "korean names": named("정상".encode("cp949")),
    "rare korean names": named("똠방".encode("cp949")),
    "western names": named("pi\u00e8ce".encode("cp437")),
    "a path in the extra field": written(with_path),
    "a link": written(link),
    "a name twice": twice(),
    "encrypted": changed(written(), (8, 1)),
    "one method that is rare": changed(written(), (10, 9)),
    "wrong sums": changed(written(), (16, 7)),
    "other sizes": changed(written(), (24, 7)),
    "names that differ": changed(written(), (46, ord("x"))),
    "a bomb": bomb(),
    "a long comment": with_comment(zipped(SET), 65_535),
    "a long directory": written(files={"a" * 900 + f"/{i}.png": SMALL for i in range(90)}),
    "folders": written(files={"good/": b"", "good/bad/": b"", "good/0.png": LARGE, "good/1\\": b""}),
    "a ZIP inside": zipped({"a.zip": zipped({"good/0.png": LARGE}, zipfile.ZIP_STORED), "0.png": LARGE}),
    "lzma": written(compression=zipfile.ZIP_LZMA),
    "more than 4 GB, as it says": written(lambda entry: setattr(entry, "extra", struct.pack("<HHQ", 1, 8, 2**33))),
}
WHOLE = {
    "empty": written(files={}),
    "no end": zipped(SET)[:-30],
    "cut in the directory": zipped(SET)[:-60] + zipped(SET)[-22:],
    "something before it": b"PK\x03\x04 begins otherwise" + zipped(SET),
    "no ZIP": b"PK\x03\x04" + bytes(100_000),
    "many entries": written(files={f"{i}.txt": b"" for i in range(LIMITS.zip_entries + 1)}),
    "entries at one place": changed(written(), *((42 + i, 0) for i in range(4))),
}


def told(content):
    """All that a ZIP is listed as and holds, or why it is refused."""

    def read(file):
        try:
            return bytes(file.read())
        except Refusal as refusal:
            return refusal.sentence

    try:
        listing = list_zip(content)
    except Refusal as refusal:
        return refusal.sentence
    return [(file.name, read(file)) for file in listing.files], listing.refused, listing.ignored


@pytest.mark.parametrize("case", [*APART, *WHOLE])
def test_it_is_listed_and_read_as_in_one(case, tmp_path):
    data = (APART | WHOLE)[case]
    content = laid_apart(data, tmp_path / "a")
    assert isinstance(content, Segmented) == (case in APART)
    assert told(content) == told(data)
    assert told(carried(content)) == told(data)


@pytest.mark.parametrize("case", APART)
def test_segments_are_all_of_it_in_order_and_a_large_entry_has_one_of_its_own(case):
    data = APART[case]
    how = found(data)
    assert how.starts[0] == 0
    assert list(how.starts) == sorted(set(how.starts))
    assert data[how.starts[-1] :].startswith(b"PK\x01\x02")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
    inside = [
        [e for e in entries if a <= e.header_offset < b] for a, b in zip(how.starts, how.starts[1:], strict=False)
    ]
    assert all(len(each) == 1 or all(entry.compress_size < 2**16 for entry in each) for each in inside)
    assert how.arrived(len(data)) == sum(not entry.is_dir() for entry in entries)
    assert how.arrived(0) == 0


def test_a_directory_that_begins_before_what_came_is_asked_for_once_and_an_endless_one_is_not():
    data = APART["a long directory"]
    at = find(data[-END:], len(data) - END)
    assert isinstance(at, int)
    assert data[at:].startswith(b"PK\x01\x02")
    assert isinstance(find(data[at:], at), Segments)
    far = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 2**30, 0, 0)  # a directory of a gigabyte
    assert find(bytes(1000) + far, 2**30) == Segments()


def test_what_is_never_in_one_may_be_larger_than_a_zip_in_one(tmp_path):
    data, limits = APART["stored"], replace(LIMITS, zip_mb=1)
    with pytest.raises(Refusal, match="at most 1 MB"):
        list_zip(data, limits)
    assert len(list_zip(laid_apart(data, tmp_path / "a"), limits).files) == 8


@pytest.mark.parametrize("count", [1, 2, 3])
def test_several_make_the_same_set_at_the_kept_side_and_elsewhere(count, tmp_path):
    datas = [APART["deflated"], APART["stored"], APART["utf-8 names"]][:count]
    names = ["a.zip", "normal.zip", "정상.zip"]

    def source(contents):
        parts = [UploadSource(archive=each) for each in zip(names, contents, strict=False)]
        return (
            parts[0]
            if count == 1
            else parts[0].added(parts[1])
            if count == 2
            else parts[0].added(parts[1]).added(parts[2])
        )

    lying = [laid_apart(data, tmp_path / str(i)) for i, data in enumerate(datas)]
    sent, apart = source(datas), source(lying)
    assert sent.key == apart.key
    ours = sent.load()
    before = apart.bytes
    apart.keep()
    assert apart.bytes < before
    assert sum(kept(content) is not None for _, content in lying[0].segments) == 2
    for theirs in (apart.load(), apart.carried().load()):
        assert (theirs.name, theirs.recipe, theirs.report) == (ours.name, ours.recipe, ours.report)
        for mine, other in zip(ours.train + ours.test, theirs.train + theirs.test, strict=True):
            assert (mine.picture.pixels == other.picture.pixels).all()
            assert replace(mine.picture, pixels=other.picture.pixels) == other.picture
            assert (mine.mask is None) == (other.mask is None)
            assert mine.mask is None or (mine.mask == other.mask).all()
    apart.remove()
    assert not list(tmp_path.iterdir())


def test_sets_side_by_side_are_shown_and_chosen_as_in_one(tmp_path):
    data = APART["two sets"]
    content = laid_apart(data, tmp_path / "a")
    keeping.keep(content)
    shown = [list(glimpses(UploadSource(archive=("a.zip", each)).one_part)) for each in (data, content)]
    assert [(name, understood) for name, _, understood in shown[0]] == [(n, u) for n, _, u in shown[1]]
    assert len(shown[0]) == 2
    chosen = [UploadSource(archive=("a.zip", each), product="pill").load() for each in (data, content)]
    assert chosen[0].recipe == chosen[1].recipe
    assert chosen[0].report == chosen[1].report


def test_files_that_had_not_come_are_told_and_the_others_are_read(tmp_path):
    data = APART["stored"]
    content = laid_apart(data, tmp_path / "a")
    there = content.segments[2][0]
    part = replace(content, segments=(*content.segments[:2], content.segments[-1]), there=there)
    keeping.keep(part)
    listing = list_zip(part)
    assert [file.name for file in listing.files] == ["train/good/0.png", "train/good/1.png"]
    assert all(file.read() for file in listing.files)
    assert {why.key for _, why in listing.refused} == {"zip.not_sent"}
    assert {name for name, _ in listing.refused} == {
        "test/crack/2.png", "test/crack/3.png", "test/good/4.png", "ground_truth/crack/2_mask.png", "readme.txt",
        "labels.csv",
    }  # fmt: skip


@pytest.mark.parametrize("packed", [True, False])
def test_a_picture_that_goes_to_the_kept_side_while_it_is_read_is_read_there(packed, tmp_path, monkeypatch):
    if packed:
        first = list_zip(laid_apart(zipped({"0.png": BEYOND}), tmp_path / "a")).files[0]
        place, read = first.alone, first.read
    else:
        place = Resting(tmp_path / "a", len(BEYOND), "")
        place.path.write_bytes(BEYOND)
        read = partial(whole, place)
    small = keeping.shrink(BEYOND)
    place.small.write_bytes(small.laid())
    looked = iter([None])  # it was not there yet
    monkeypatch.setattr(contents, "kept", lambda content: next(looked, kept(content)))
    place.path.unlink()
    assert read() == small
    place.small.unlink()
    with pytest.raises(Refusal, match="not on this machine"):
        read()
