"""A fitted detector from the Export page, read back and used on the present test pictures."""

from __future__ import annotations

import hashlib

import streamlit as st

from detectors.errors import Refusal
from detectors.queries.prediction import SavedPrediction, predict
from pages.frame import backend, data, session, style
from pages.frame.state import Choices
from pages.frame.words import kind, say, text


def reload(choices: Choices) -> bool:
    """Show a place for a saved detector and what it says; return whether it is still at work."""
    with st.expander(text("images.reload.title"), icon=":material/deployed_code:", key="reload"):
        st.caption(text("images.reload.lead"))
        name = f"reload_model_{session.SAVED_ROUND.get()}"
        with st.container(key="reload_buttons"):
            st.file_uploader(
                text("images.reload.choose"), type=["safetensors"], key=name, label_visibility="collapsed",
                on_change=_arrived, args=(name,),
            )  # fmt: skip
        kept = session.SAVED_DETECTOR.get()
        source = data.source(choices)
        if kept is None:
            return False
        if source is None:
            style.note(text("images.reload.no_pictures"), "calm")
            return False
        name, content, digest = kept
        said = backend.current().later(predict, content, source, key=f"{digest} {source.key}").now
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.text(name, width="content")
            st.button(
                text("images.reload.put_away"), key="put_away", type="tertiary",
                on_click=session.SAVED_DETECTOR.pop,
            )  # fmt: skip
        if said is None:
            st.caption(text("images.reload.working"))
        elif isinstance(said, Refusal):
            style.note(say(said.sentence))
        else:
            for remark in said.remarks:
                style.note(say(remark))
            _table(said)
        return said is None


def _arrived(name: str) -> None:
    file = session.widget(name)
    session.SAVED_ROUND.set(session.SAVED_ROUND.get() + 1)
    if file is not None:
        content = file.getvalue()
        session.SAVED_DETECTOR.set((file.name, content, hashlib.sha256(content).hexdigest()))


def _table(said: SavedPrediction) -> None:
    values = {"method": text(f"methods.{said.method}"), "backbone": said.backbone}
    if said.threshold is None:
        st.caption(text("images.reload.no_threshold", **values))
    else:
        at = said.threshold
        values |= {"threshold": f"{at.value:.4g}", "j": at.allowed, "of": at.of}
        st.caption(text(f"images.reload.says_{at.origin}", **values))
    rows = [
        {
            "name": p.name,
            "label": kind(None if p.defective is None else "defective" if p.defective else "good")
            + (f" · {text('images.synthetic')}" if p.synthetic else ""),
            "score": p.score,
            "multiple": p.multiple,
            "verdict": text(f"verdicts.{p.verdict}") if p.verdict else "",
        }
        for p in sorted(said.pictures, key=lambda p: -p.score)
    ]
    most = max([p.multiple for p in said.pictures if p.multiple is not None] or [1.0])
    columns = {
        "name": text("images.columns.file"),
        "label": text("images.reload.label"),
        "score": st.column_config.NumberColumn(text("images.reload.score"), format="%.4g"),
        "multiple": st.column_config.ProgressColumn(
            text("images.reload.multiple"), format="%.2f ×", min_value=0, max_value=max(2.0, most)
        ),
        "verdict": text("images.reload.verdict"),
    }
    st.dataframe(rows, column_config=columns, hide_index=True, width="stretch", height=min(420, 40 + 36 * len(rows)))
