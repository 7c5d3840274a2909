"""A chart as plotly's browser script reads it, written without looking each value up in plotly's schema.

plotly's own `Figure` checks every property of every trace and copies them all before it sends them, which takes many
times as long as writing the chart. A test holds what pages draw against that schema (tests/pages/test_charts.py).
"""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from plotly.basedatatypes import BaseFigure


_PLAIN = frozenset((str, int, float, bool, type(None)))


class Chart:
    """Traces and a layout, as plotly names what is in them.

    Attributes:
        traces: in the order in which they are drawn.
        layout: of all of them; annotations and shapes in it.
    """

    def __init__(self, layout: dict[str, Any]) -> None:
        self.traces: list[dict[str, Any]] = []
        self.layout = layout

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.layout["height"])

    def add_scatter(self, **trace: Any) -> None:
        """Add points or lines."""
        self.traces.append(trace | {"type": "scatter"})

    def add_bar(self, **trace: Any) -> None:
        """Add bars."""
        self.traces.append(trace | {"type": "bar"})

    def add_annotation(self, **annotation: Any) -> None:
        """Write words at a place."""
        self.layout.setdefault("annotations", []).append(annotation)

    def add_shape(self, **shape: Any) -> None:
        """Draw a shape."""
        self.layout.setdefault("shapes", []).append(shape)

    def add_vline(self, x: float, **look: Any) -> None:
        """Draw a line upright across the chart."""
        self.add_shape(type="line", x0=x, x1=x, xref="x", y0=0, y1=1, yref="y domain", **look)

    def add_hline(self, y: float, **look: Any) -> None:
        """Draw a level line across the chart."""
        self.add_shape(type="line", x0=0, x1=1, xref="x domain", y0=y, y1=y, yref="y", **look)

    def update_layout(self, **changes: Any) -> None:
        """Change some of the layout; what is in groups keeps what is not named."""
        for name, value in changes.items():
            before = self.layout.get(name)
            self.layout[name] = before | value if isinstance(before, dict) and isinstance(value, dict) else value

    def ready(self) -> Ready:
        """Return it as it is sent, which is worked out now; it does not change with the chart any more."""
        return Ready(self)


class Ready:
    """A chart that can be sent as it is, and does not change any more.

    Attributes:
        height: in pixels.
    """

    def __init__(self, chart: Chart) -> None:
        self.height = chart.height
        self._traces, self._layout = plain(chart.traces), plain(chart.layout)
        self._figures: dict[bool, BaseFigure] = {}

    def beneath(self, marks: Chart) -> Ready:
        """Return this chart with the traces and annotations of another on top, of which nothing else counts."""
        both = copy(self)
        both._traces = [*self._traces, *plain(marks.traces)]
        written = [*self._layout.get("annotations", ()), *plain(marks.layout.get("annotations", []))]
        both._layout = self._layout | {"annotations": written}
        both._figures = {}
        return both

    def figure(self, clickable: bool) -> BaseFigure:
        """Return what `st.plotly_chart` takes; a clickable one looks the same whatever is chosen in it."""
        if clickable not in self._figures:
            alike = {name: {"marker": {"opacity": 1}} for name in ("selected", "unselected")} if clickable else {}
            traces = [trace | alike for trace in self._traces]
            layout = {"template": _template()} | self._layout
            self._figures[clickable] = _written()({"data": traces, "layout": layout})
        return self._figures[clickable]


def plain(value: Any) -> Any:
    """Return a value with lists for arrays and tuples, and plain numbers."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return list(value) if _PLAIN.issuperset(map(type, value)) else [plain(each) for each in value]
    return value


@cache
def _template() -> dict[str, Any]:
    """Return the look that Streamlit gives to charts, in which the browser puts the theme's colours."""
    import plotly.graph_objects as go

    return go.Figure().to_dict()["layout"]["template"]


@cache
def _written() -> type[BaseFigure]:
    """Return the class of a figure of which only what is sent is left."""
    from plotly.basedatatypes import BaseFigure

    class Written(BaseFigure):
        def __init__(self, spec: dict[str, Any]) -> None:
            self._spec = spec  # plotly's own would check and copy it

        def to_dict(self) -> dict[str, Any]:
            return self._spec

    return Written
