"""No word is missing in either language, and both fill in the same values."""

import ast
import re
import string
from pathlib import Path
from types import SimpleNamespace

import pytest

from detectors.errors import written
from detectors.report.wording import Words
from pages.frame import words
from pages.frame.words import LANGUAGES, kind, plain, table, write

ROOT = Path(__file__).parents[2]
OWN = ("engine", "stages")  # the engine speaks English by itself
PLURALS = {"one", "other"}


def placeholders(written: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(written) if name}


def leaves(tree: object, path: str = "") -> dict[str, str]:
    """Every text by its dotted key; the forms of a plural count as one text."""
    if isinstance(tree, dict):
        if set(tree) <= PLURALS:
            return {path: " ".join(tree.values())}
        return {k: v for name, child in tree.items() for k, v in leaves(child, f"{path}.{name}".strip(".")).items()}
    if isinstance(tree, list):
        return {f"{path}[{i}]": text for i, text in enumerate(tree)}
    return {path: str(tree)}


def pages_texts(language: str) -> dict[str, str]:
    return leaves({k: v for k, v in table(language).items() if k not in OWN})


def calls(folder: str) -> list[tuple[Path, ast.Call]]:
    files = list((ROOT / folder).rglob("*.py"))
    return [(p, n) for p in files for n in ast.walk(ast.parse(p.read_text("utf-8"))) if isinstance(n, ast.Call)]


def engine_sentences() -> dict[str, tuple[str, str]]:
    """Key -> (English, file) of every Sentence and Refusal that the engine can say."""
    found = {}
    for path, call in calls("detectors"):
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        said = name == "Sentence" or name.endswith(("Refused", "TooLarge", "Refusal"))
        if (
            said
            and len(call.args) >= 2
            and all(isinstance(a, ast.Constant) and isinstance(a.value, str) for a in call.args[:2])
        ):
            key, english = (a.value for a in call.args[:2])
            found[key] = (english, path.name)
    return found


def test_both_languages_have_the_same_keys():
    english, korean = (set(pages_texts(language)) for language in LANGUAGES)
    assert sorted(english ^ korean) == []


def test_both_languages_fill_in_the_same_values():
    english, korean = (pages_texts(language) for language in LANGUAGES)
    # A language without plural forms or number words may leave the count's other spelling out.
    free = {"n", "word", "j"}
    different = {
        k: (english[k], korean[k]) for k in english if placeholders(english[k]) - free != placeholders(korean[k]) - free
    }
    assert different == {}


def test_every_key_that_a_page_asks_for_exists():
    english = table("en")
    missing = []
    for path, call in calls("pages"):
        name = getattr(call.func, "id", "")
        if name in ("text", "lines") and call.args and isinstance(call.args[0], ast.Constant):
            found: object = english
            for part in call.args[0].value.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            if found is None:
                missing.append(f"{path.name}: {call.args[0].value}")
    assert missing == []


def test_every_sentence_of_the_engine_is_in_korean():
    korean = table("ko")["engine"]
    missing = sorted(
        f"{file}: {key}: {english}" for key, (english, file) in engine_sentences().items() if key not in korean
    )
    assert missing == [], f"{len(missing)} sentences have no Korean:\n" + "\n".join(missing)


COUNTS = {
    "count", "n", "k", "draws", "slipped", "test", "many", "held", "good", "out", "defective",
    "marked", "learnt", "pictures", "picks", "scans",
}  # fmt: skip
SEVERAL = {  # sentences that are said of more than one
    "dataset.all_identical", "dataset.mixed_sizes", "dataset.several", "dataset.split_chosen", "demo_set.counts",
    "mask.two_outlined_pictures", "mask.two_pictures", "picture.channels", "picture.first_page", "live.fit_ended",
    "picture.channels_left_out", "picture.too_much_work",
}  # fmt: skip
OF_SEVERAL = (  # numbers of a limit, of frames, of places: never one
    "frame.weights.own_folder", "images.drop_limits", "images.files_n", "stress.least_rate", "live.camera.",
    "learn.stress.", "learn.playground.toy.count", "learn.method.map", "learn.method.numbers_alt",
    "learn.method.level_numbers", "learn.method.against", "learn.patchcore.memory", "learn.padim.parts.varying",
    "learn.cfa.unclear", "learn.hard.remains", "learn.mahalanobis.level_shape",
    "learn.parameters.patches",
)  # fmt: skip
NOUN = (
    r"(?:pictures|files|frames|tensors|attempts|times|data sets|masks|values|normals|rows|patches|kinds|scans|levels"
    r"|pages|channels|labels|methods|cells|places|others)"
)
OF_ONE = re.compile(
    rf"(?<!of )(?<![.,\d])1 (?:(?!of\b)[\w-]+ ){{0,2}}?{NOUN}\b|\b1 (?:of \w+ )?(?:[\w-]+ ){{0,2}}(?:have|are|were) "
)


def of_one(english: str) -> str:
    """A text whose counts are all 1."""
    fields = [(name, spec) for _, name, spec, _ in string.Formatter().parse(english) if name]
    numbers = {name: 1 if name in COUNTS else 20 for name, spec in fields if name in COUNTS or spec}
    return written(english, **{name: "X" for name, _ in fields} | numbers)


def test_sentences_of_the_engine_are_right_for_one():
    said = {key: of_one(english) for key, (english, _) in engine_sentences().items() if key not in SEVERAL}
    assert {key: text for key, text in said.items() if OF_ONE.search(text)} == {}


def test_texts_of_the_pages_are_right_for_one():
    texts = {key: text for key, text in pages_texts("en").items() if not key.startswith(OF_SEVERAL)}
    forms = {path for path, _ in plural_forms(table("en"))}
    said = {key: of_one(text) for key, text in texts.items() if key not in forms}
    assert {key: text for key, text in said.items() if OF_ONE.search(text)} == {}


def plural_forms(tree: object, path: str = "") -> list[tuple[str, object]]:
    """The texts of two forms: what they say of one stands there."""
    if not isinstance(tree, dict):
        return []
    if set(tree) <= PLURALS:
        return [(path, tree)]
    return [found for name, child in tree.items() for found in plural_forms(child, f"{path}.{name}".strip("."))]


def test_korean_sentences_of_the_engine_fill_in_the_same_values():
    korean, said = table("ko")["engine"], engine_sentences()
    different = {
        k: (said[k][0], korean[k]) for k in korean if k in said and placeholders(said[k][0]) != placeholders(korean[k])
    }
    assert different == {}


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("PaDiM", "PaDiM이"),
        ("PatchCore", "PatchCore가"),
        ("SPADE", "SPADE가"),
        ("CFA", "CFA가"),
        ("구멍", "구멍이"),
        ("가죽", "가죽이"),
        ("링크", "링크가"),
    ],
)
def test_korean_particles_follow_the_sound_of_the_word(word, written):
    assert written in write("ko", "compare.finds_clean", method=word, defective=3)


def test_a_count_chooses_its_form():
    assert write("en", "grid.tests", n=1) == "1 test picture"
    assert write("en", "grid.tests", n=2) == "2 test pictures"


@pytest.mark.parametrize(
    ("data", "pasted", "said"),
    [("demo", False, "베임"), ("own", False, "cut"), ("own", True, "베임"), (None, False, "베임")],
)
def test_a_persons_own_kinds_are_called_as_their_folders_are(data, pasted, said, monkeypatch):
    chosen = None if data is None else SimpleNamespace(data=data, language="ko")
    monkeypatch.setattr(words, "session", SimpleNamespace(CHOICES=SimpleNamespace(get=lambda: chosen)))
    monkeypatch.setattr(words, "language", lambda: "ko")
    assert kind("cut", pasted) == said
    assert kind("my_own kind", pasted) == ("my_own kind" if said == "cut" else "my own kind")
    assert (kind("good"), kind("defective"), kind(None)) == ("양품", "불량", "레이블 없음")


def test_a_report_calls_kinds_as_the_pages_do():
    korean = Words.of("ko")
    demo, own = (SimpleNamespace(experiment={"data": {"source": source}}) for source in ("demo", "folder"))
    assert [korean.kind("cut", demo), korean.kind("cut", own), korean.kind("cut", own, pasted=True)] == [
        "베임", "cut", "베임"
    ]  # fmt: skip


def test_a_users_name_is_not_markdown():
    assert plain("a*b_[x](y)\n# c") == r"a\*b\_\[x\]\(y\) \# c"


# What one thing was called besides its term, and endings of the other level of speech ("필요" and its like are nouns).
NOT_KOREAN_HERE = {
    "map": r"(?<![가-힣])지도(?:는|를|의|가|에|와)",
    "pixel": r"화소",
    "threshold": r"한계(?:값|치)",
    "held out": r"보류",
    "share": r"의 몫",
    "median": r"가운데 값",
    "cannot": r"는 못",
    "speech": r"(?<![필중개주수내소니])요[.!?”’\"]",
}


@pytest.mark.parametrize("thing", NOT_KOREAN_HERE)
def test_korean_has_one_term_for_a_thing_and_one_level_of_speech(thing):
    assets = ROOT / "assets"
    files = [*assets.glob("texts/*ko.json"), *assets.glob("lessons/ko/**/*.md")]
    assert len(files) > 10
    pattern = re.compile(NOT_KOREAN_HERE[thing])
    lines = [(file.name, line) for file in files for line in file.read_text("utf-8").splitlines()]
    found = [f"{name}: {line.strip()[:80]}" for name, line in lines if pattern.search(line)]
    assert found == []
