"""The README is true: its Python runs, its commands parse, and the files it names exist."""

import re
import shlex
from pathlib import Path

import pytest

from detectors.__main__ import parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.S)


@pytest.mark.parametrize("code", [code for language, code in BLOCKS if language == "python"])
def test_the_python_runs(code, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "line",
    [
        line
        for language, code in BLOCKS
        if language == "sh"
        for line in code.splitlines()
        if line.startswith("python -m detectors")
    ],
)
def test_the_commands_are_understood(line):
    words = shlex.split(line, comments=True)
    assert parser().parse_args(words[3:]).verb


def test_the_two_commands_install_what_they_need():
    commands = [code.strip() for language, code in BLOCKS if language == "sh"][:2]
    assert commands == [
        "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/streamlit run app.py",
        "python3 -m venv .venv && .venv/bin/pip install -r tests/requirements.txt && .venv/bin/pytest",
    ]
    assert "-r ../requirements.txt" in (ROOT / "tests" / "requirements.txt").read_text()


def test_the_files_it_names_exist():
    named = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    named += [f for f in re.findall(r"`((?:detectors|assets|tests|pages)/[\w./]+)`", README) if "<" not in f]
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []
    assert len(named) >= 8


def test_the_benchmarks_it_names_exist():
    names = set(re.findall(r"tests\.benchmarks\.(\w+)", README))
    assert names
    files = [{f"{name}.py", f"{name}/__main__.py"} for name in names]
    folder = ROOT / "tests" / "benchmarks"
    assert [each for each in files if not any((folder / file).exists() for file in each)] == []
