"""The code reads as the project wants it to read."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from fixtures.scripts import components, place, script

ROOT = Path(__file__).parents[2]
RULES = ROOT / "tests" / "project" / "oxlint.json"


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=lambda command: " ".join(command[:2]),
)
def test_no_complaints(command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def oxlint(folder):
    """Return what the linter says of the scripts in a folder."""
    linter = Path(sys.executable).parent / "oxlint"
    done = subprocess.run(
        [linter, "--config", RULES, "--format", "json", folder], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)


def test_no_complaints_about_scripts(tmp_path):
    """Scripts are read as they are joined; what a shared file holds may be unused in one component, not in all."""
    users, complaints = defaultdict(set), defaultdict(set)
    for name, component in components().items():
        (tmp_path / f"{name}.js").write_text(script(component), "utf-8")
        for path in component.js:
            users[path].add(name)
    said = oxlint(tmp_path)
    assert said["number_of_files"] == len(components())
    for found in said["diagnostics"]:
        name = Path(found["filename"]).stem
        path, line = place(components()[name], found["labels"][0]["span"]["line"])
        complaints[f"{path}:{line} {found['message']} {found.get('code', '')}", path].add(name)
    everywhere = [
        words for (words, path), names in complaints.items() if "no-unused-vars" not in words or names == users[path]
    ]
    assert everywhere == []


def test_every_script_and_style_sheet_belongs_to_a_component():
    known = {path for component in components().values() for path in (*component.js, *component.css, component.html)}
    files = [path for room in ("pages", "assets/components") for path in (ROOT / room).rglob("*") if path.is_file()]
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in (".js", ".html"):
            assert name in known, name


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("export default function () { missing(1); }", "no-undef"),
        ("export default function () { const unused = 1; }", "no-unused-vars"),
        ("const a = 1; const a = 2;", "already been declared"),
        ("export default function ( { ", "Expected"),
    ],
)
def test_the_linter_sees(tmp_path, code, rule):
    (tmp_path / "script.js").write_text(code)
    (found, *_) = oxlint(tmp_path)["diagnostics"]
    assert rule in found.get("code", "") + found["message"]
