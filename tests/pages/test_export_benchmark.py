"""A benchmark opened on the Export page."""

import pytest

from detectors.report import benchmark
from detectors.result import BenchmarkRow, Figure, MeasuredSet

MEASURED = (
    MeasuredSet("bolt", 10, 3, 2, 4, (BenchmarkRow("padim", "scattering", "", {"aupro": Figure(0.5, 0.25, 0.75)}),)),
    MeasuredSet("nut", failure="There is no normal picture."),
)


@pytest.mark.parametrize(
    ("language", "state", "heading", "last"),
    [
        ("en", "done", "PaDiM on scattering", "Mean (sets)"),
        ("ko", "before", "scattering의 PaDiM", "평균(세트 수)"),
    ],
)
def test_an_opened_table_is_shown_and_put_away(open_app, language, state, heading, last):
    kept = ("benchmark.csv", benchmark.write_csv(MEASURED))
    app = open_app(state, "export", {"benchmark": kept}, language=language)
    assert not app.exception
    (shown,) = (frame.value for frame in app.dataframe)
    assert shown.iloc[0].tolist() == ["bolt", "0.500 [0.250, 0.750]"]
    assert shown.columns[1] == heading
    assert shown.iloc[-1].tolist() == [last, "0.500 (1)"]
    assert "nut: There is no normal picture." in [each.value for each in app.text]
    app.button(key="put_benchmark_away").click().run()
    assert not app.dataframe


def test_another_file_is_refused_with_a_sentence(open_app):
    app = open_app("done", "export", {"benchmark": ("other.csv", "a,b\n1,2\n")}, language="ko")
    assert not app.exception
    assert not app.dataframe
    assert any("벤치마크 표가 아닙니다" in said for said in (e.proto.body for e in app.get("html")))
