"""Charts are written without plotly's own checks; here what pages draw is held against them."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from pages.frame import component, once
from pages.frame.drawing import Chart, Ready

PAGES = [("scored", "scores"), ("many", "scores"), ("scored", "images"), ("lessons_done", "learn")]


@pytest.mark.parametrize(("state", "page"), PAGES)
def test_plotly_accepts_every_chart_as_it_is_written(open_app, state, page):
    found = [json.loads(e.proto.spec) for e in open_app(state, page).get("plotly_chart")]
    for spec in found:
        go.Figure(spec)  # raises where a property is unknown or its value cannot be
        assert spec["layout"]["template"], "Streamlit puts the theme's colours into it"
    assert found or page != "scores"


def test_lines_across_a_chart_are_those_of_plotly():
    mine, theirs = Chart({"height": 100}), go.Figure(layout={"height": 100})
    for made in (mine, theirs):
        made.add_scatter(x=[0, 1], y=[0, 1])
        made.add_vline(0.5, line={"width": 2})
        made.add_hline(0.25, line={"width": 1})
        made.update_layout(margin={"t": 3})
        made.update_layout(margin={"b": 4})
    wanted = theirs.to_dict()
    del wanted["layout"]["template"]
    assert {"data": mine.traces, "layout": mine.layout} == wanted


def test_arrays_are_sent_as_lists_and_what_is_clickable_looks_the_same_whatever_is_chosen():
    made = Chart({"height": 100})
    made.add_bar(x=np.arange(2), y=(np.float64(0.5), 1), marker={"color": ["#000001", "#000002"]})
    sent = Ready(made).figure(True).to_dict()["data"][0]
    assert (sent["x"], sent["y"]) == ([0, 1], [0.5, 1])
    assert sent["selected"] == sent["unselected"] == {"marker": {"opacity": 1}}
    assert "selected" not in Ready(made).figure(False).to_dict()["data"][0]


def test_what_is_worked_out_once_is_bounded_and_can_be_forgotten():
    made, kept = [], once.Once(2)
    for key in "abacab":
        kept.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]  # "b" had gone for "c"
    once.forget()
    kept.get("a", lambda: made.append("again"))
    assert made[-1] == "again"


@pytest.mark.parametrize("page", ["compare", "scores", "inspect", "export"])
def test_a_page_that_is_drawn_again_works_nothing_out_anew(open_app, monkeypatch, page):
    made, get = [], once.Once.get

    def counted(self, key, make):
        return get(self, key, lambda: (made.append(key), make())[1])

    monkeypatch.setattr(once.Once, "get", counted)
    once.forget()
    app = open_app("scored", page)
    assert made
    made.clear()
    app.run()
    assert not app.exception
    assert made == []


def test_a_map_under_another_scale_is_another_picture():
    maps = np.arange(2 * 8 * 8, dtype=np.float32).reshape(2, 8, 8)
    keys = [component.named("map", maps[i], scale) for i in (0, 1) for scale in ((0.0, 1.0), (0.0, 2.0))]
    assert len(set(keys)) == 4
    assert component.named("map", maps[0].copy(), (0.0, 1.0)) == keys[0]  # by its content, wherever it lies
