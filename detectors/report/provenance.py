"""What made a result: data, settings, weights, versions, in names and lines for a page and as text to copy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from detectors.report.script import fingerprint
from detectors.report.tables import plain
from detectors.report.wording import Words
from detectors.result import Result

Facts = list[tuple[str, list[str]]]


def facts(result: Result, language: str = "en", sentences: Mapping[str, str] | None = None) -> Facts:
    """Return names with their lines: data, preprocessing, every column's settings, weights, versions, device."""
    return made(result, Words.of(language, sentences))


def as_text(result: Result, language: str = "en", sentences: Mapping[str, str] | None = None) -> str:
    """Return the same as text, to paste into a lab book."""
    blocks = [f"Odd One Out: {Words.of(language, sentences).data(result)}"]
    blocks += [f"{name}\n" + "\n".join(f"  {line}" for line in lines) for name, lines in facts(result, language)]
    return "\n".join(blocks) + "\n"


def made(result: Result, words: Words) -> Facts:
    """Return the facts in words that were chosen before."""
    t, experiment = words.t["run"], plain(result.experiment)
    lines: Facts = []
    if recipe := experiment.get("data"):
        lines.append((t["data"], [_flat(_without_lists(recipe))]))
    for name in ("preprocessing", "preset", "held_out", "seed"):
        value = experiment.get(name)
        if value not in (None, {}, []):
            lines.append((t[name], [_flat(value)]))
    lines.append((t["fingerprint"], [fingerprint(result)]))
    for column in result.columns:
        lines.append((f"{words.title(result, column)}", [_flat(plain(column.settings)), *map(words.say, column.notes)]))
    weights = dict.fromkeys((c.backbone, c.weights, c.engine) for c in result.columns)
    if weights:
        said = [
            f"{b}: {w.origin} ({t['sources'].get(w.source, w.source)}), sha256 {w.sha256}, {engine}"
            for b, w, engine in weights
        ]
        lines.append((t["weights"], said))
    lines.append((t["versions"], [" · ".join(f"{k} {v}" for k, v in result.versions.items() if k != "device")]))
    lines.append((t["device"], [result.versions.get("device", "?")]))
    return lines


def _without_lists(value: Any) -> Any:
    """Count what would fill pages: the names and hashes of uploads, hand labels, removed pictures."""
    if isinstance(value, dict):
        return {key: _without_lists(item) for key, item in value.items()}
    if isinstance(value, list) and len(value) > 6:
        return len(value)
    return [_without_lists(item) for item in value] if isinstance(value, list) else value


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{k} = {json.dumps(v, ensure_ascii=False) if not isinstance(v, str) else v}" for k, v in value.items()
        )
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
