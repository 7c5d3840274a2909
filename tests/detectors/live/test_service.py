"""Visitors and their turns: who is answered next, whose fit comes next, what happens when a process ends."""

import contextlib
import io
import itertools
import threading

import pytest
from fixtures import camera
from PIL import Image

from detectors.comparison.comparison import Comparison
from detectors.live import answering, service, wire
from detectors.live.answering import Answering, Fits, Turns
from detectors.live.selection import ENOUGH
from detectors.live.service import Busy, Ended, Live


def jpeg(seconds, defect=False):
    buffer = io.BytesIO()
    Image.fromarray(camera.square(seconds, defect)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


class Asked:
    """The fits that were asked for, none of which is ever done."""

    def __init__(self, hears):
        self.hears, self.all = hears, []

    def ask(self, header, body):
        self.all.append((header, wire.parted(header["sizes"], body)))

    def ahead(self, visitor):
        return 0

    def forget(self, visitor):
        self.all.append(("forget", visitor))


@pytest.fixture
def worked():
    """Return what does things for visitors, what it said, and its fits."""
    said, clock = [], itertools.count(0, 0.25)
    works = Answering(lambda header, body: said.append((header, body)), lambda: next(clock), Asked)

    def do(what, visitor="one", body=b"", **values):
        works.do({"call": len(said), "visitor": visitor, "do": what, **values}, body)
        return next(header for header, _ in reversed(said) if "call" in header)

    do("open", comparison=wire.plain(Comparison(methods=("mahalanobis",))), allowed=None)
    return do, said, works


def test_frames_are_learnt_until_they_suffice_and_the_fit_starts_by_itself(worked):
    do, said, works = worked
    for i in range(60):
        answer = do("frame", number=i, mode="learn", body=jpeg(i / 4))
        if len(answer["kept"]) == ENOUGH:
            break
    (header, frames) = works._fits.all[-1]
    assert len(frames) == ENOUGH
    assert frames[0] == jpeg(0.0)
    assert header["comparison"]["methods"] == ["mahalanobis"]
    assert {"event": "fitting", "visitor": "one", "round": 1, "done": 0.0, "ahead": 0} in [h for h, _ in said]


def test_more_frames_are_taken_until_one_stops_and_then_fitted_together(worked):
    do, _, works = worked
    for i in range(ENOUGH):
        do("frame", number=i, mode="normal", body=jpeg(i / 4))
    do("fit")
    works._visitors["one"].model = object()
    assert do("pause")["ready"]
    fits = len(works._fits.all)
    for i in range(3):
        answer = do("frame", number=100 + i, mode="learn", body=jpeg(0.1 + i, defect=True))
    assert answer["target"] == ENOUGH + 10
    assert len(answer["kept"]) > ENOUGH
    assert len(works._fits.all) == fits
    do("pause")
    assert len(works._fits.all) == fits + 1
    do("pause")
    assert len(works._fits.all) == fits + 1


def test_a_visitor_has_nothing_of_anothers(worked):
    do, _, _ = worked
    do("frame", "one", number=0, mode="normal", body=jpeg(0.0))
    do("open", "two", comparison=wire.plain(Comparison()), allowed=None)
    assert do("kept", "two")["kept"] == []
    assert do("kept", "one")["kept"] == [0]
    do("forget", "one")
    assert do("kept", "one")["kept"] == []


def test_a_fit_that_was_overtaken_is_not_told_of(worked):
    do, said, works = worked
    for i in range(6):
        do("frame", number=i, mode="normal", body=jpeg(i / 2))
    do("fit")
    do("fit")
    before = len(said)
    works.hear_fit({"event": "refused", "visitor": "one", "round": 1, "sentence": {}}, b"")
    assert len(said) == before
    works.hear_fit({"event": "refused", "visitor": "one", "round": 2, "sentence": {}}, b"")
    assert said[-1][0]["event"] == "refused"


def test_choices_that_change_during_the_first_fit_are_fitted_instead(worked):
    do, said, works = worked
    for i in range(6):
        do("frame", number=i, mode="normal", body=jpeg(i / 2))
    do("fit")
    do("open", comparison=wire.plain(Comparison(methods=("padim",))), allowed=None)
    assert works._fits.all[-1][0]["comparison"]["methods"] == ["padim"]
    before = len(said)
    works.hear_fit({"event": "fitted", "visitor": "one", "round": 1, "model": {}}, b"")
    assert len(said) == before  # its answers would have been read as those of other methods


def test_what_is_no_picture_is_refused_and_nothing_ends(worked):
    do, _, _ = worked
    answer = do("frame", number=7, mode="learn", body=b"no jpeg")
    assert answer["refused"]["key"].startswith("picture.")
    assert answer["number"] == 7
    assert do("kept")["kept"] == []


def test_visitors_take_turns():
    turns = Turns()
    for visitor, n in (("busy", 0), ("busy", 1), ("busy", 2), ("calm", 3), ("late", 4)):
        turns.put({"visitor": visitor, "n": n}, b"")
    turns.end()
    order = [turns.get()[0]["n"] for _ in range(5)]
    assert order == [0, 3, 4, 1, 2]
    assert turns.get() is None


class Child:
    """A process that fits, as far as `Fits` sees it."""

    def __init__(self, module, hears, ended, threads):
        self.hears, self.ended, self.told = hears, ended, []

    def tell(self, header, body=b""):
        self.told.append(header)


def fits(monkeypatch):
    monkeypatch.setattr(wire, "Child", Child)
    heard = []
    return Fits(lambda header, body: heard.append(header)), heard


def asked(visitor, number=1):
    return {"visitor": visitor, "round": number}


def test_fits_are_done_in_the_order_of_asking_and_one_visitor_waits_once(monkeypatch):
    queue, _ = fits(monkeypatch)
    for visitor, number in (("a", 1), ("b", 1), ("b", 2), ("c", 1), ("b", 3)):
        queue.ask(asked(visitor, number), b"")
    assert queue.ahead("b") == 1
    assert queue.ahead("c") == 2
    for visitor, number in (("a", 1), ("b", 3), ("c", 1)):
        assert queue._child.told[-1] == asked(visitor, number)
        queue._child.hears({"event": "fitted", **asked(visitor, number)}, b"")
    assert len(queue._child.told) == 3


def test_a_fit_whose_process_ended_is_tried_again_once_and_then_refused_in_words(monkeypatch):
    queue, heard = fits(monkeypatch)
    queue.ask(asked("a"), b"")
    queue.ask(asked("b"), b"")
    queue._child.ended()
    assert queue._child.told == [asked("a")]
    queue._child.ended()
    assert heard[-1]["event"] == "refused"
    assert str(service.sentence(heard[-1]["sentence"])).startswith("The process that fits ended while it was at this")
    assert queue._child.told == [asked("b")]


@pytest.fixture
def live():
    made = Live(most=2, module="fixtures.echoing")
    yield made
    made.close()


def test_replies_find_their_calls_and_events_their_visitor(live):
    heard = threading.Event()
    live.welcome("one", Comparison(), None, "en")
    live.enter("one", lambda header: heard.set()).result(30)
    assert live.ask("one", "frame", b"abc").result(30) == ({"did": "frame"}, b"abc")
    live.ask("one", "event").result(30)
    assert heard.wait(30)


def test_who_asks_may_go_before_the_reply(live):
    live.welcome("one", Comparison(), None, "en")
    assert not live.ask("one", "frame").cancel()
    assert live.ask("one", "frame", b"abc").result(30)[1] == b"abc"


def test_a_process_that_ends_is_replaced_and_told_of(live, monkeypatch):
    told = []
    live.welcome("one", Comparison(), None, "en")
    live.enter("one", told.append).result(30)
    live.ask("one", "frame").result(30)
    before, opened = live.pid, []
    monkeypatch.setattr(live, "open", opened.append)
    with pytest.raises(Ended):
        live.ask("one", "end").result(30)
    assert live.ask("one", "frame", b"x").result(30)[1] == b"x"
    assert live.pid != before
    assert {"event": "ended"} in told
    assert opened == ["one"]  # so that frames which are shown again are fitted as this visitor chose


def test_with_the_last_visitor_the_processes_end(live):
    for name in ("one", "two"):
        live.welcome(name, Comparison(), None, "en")
    live.enter("one", print).result(30)
    assert live.pid is None  # who only looks needs no process
    live.ask("one", "frame").result(30)
    live.dismiss("one")
    assert live.pid is not None
    waiting = live.ask("two", "frame")
    live.dismiss("two")
    assert live.pid is None
    with contextlib.suppress(Ended):
        waiting.result(30)
    live.welcome("three", Comparison(), None, "en")
    assert live.ask("three", "frame", b"x").result(30)[1] == b"x"


def test_more_visitors_than_there_is_room_for_are_told_so(live):
    for name in ("one", "two"):
        live.welcome(name, Comparison(), None, "en")
        live.enter(name, print)
    with pytest.raises(Busy, match="2 visitors are teaching already"):
        live.welcome("three", Comparison(), None, "en")
    live.leave("one", print)
    live.welcome("three", Comparison(), None, "en")
    assert live.language("one") is None
    assert answering.FEWEST <= ENOUGH
