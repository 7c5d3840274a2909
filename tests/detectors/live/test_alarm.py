"""An alarm needs several answers, and false ones are counted by the minute."""

import pytest

from detectors.live.alarm import NEEDED, OF, Alarm, Watch


def heard(answers):
    alarm = Alarm()
    return [(alarm.hear(bool(int(above))), alarm.on) for above in answers]


def test_a_single_answer_above_the_threshold_is_no_alarm():
    assert not any(on for _, on in heard("0100010000"))


def test_an_alarm_begins_once_and_ends_by_itself():
    said = heard("0111110000")
    assert [began for began, _ in said].index(True) == NEEDED
    assert sum(began for began, _ in said) == 1
    assert [on for _, on in said] == [False, False, False, True, True, True, True, True, False, False]


@pytest.mark.parametrize("above", range(2**OF))
def test_it_is_on_when_so_many_of_the_last_answers_lie_above(above):
    answers = f"{above:0{OF}b}"
    assert heard(answers)[-1][1] is (answers.count("1") >= NEEDED)


def test_false_alarms_are_counted_by_the_minute():
    watch = Watch([0, 0])
    assert watch.a_minute == [None, None]
    for i in range(41):
        watch.see([i == 7, False], i / 4)
    assert watch.seconds == pytest.approx(10)
    assert watch.a_minute == [pytest.approx(6), 0]


def test_a_pause_is_not_watched():
    watch = Watch([0])
    for now in (0.0, 0.5, 60.0, 60.5):
        watch.see([False], now)
    assert watch.seconds == pytest.approx(1)
