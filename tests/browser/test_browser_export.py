"""The Export page in a real Chromium: files come down, and the report opens on its own without a network."""

import ast
import csv
import io
import zipfile
from pathlib import Path

import pytest

from detectors.datasets import FIRST_PRODUCT

expect = pytest.importorskip("playwright.sync_api").expect
STATE = "done"


@pytest.fixture
def opened(visit):
    def opened(query="", **options):
        granted = {"permissions": ["clipboard-read", "clipboard-write"]}
        return visit(f"export{query}", "[data-testid=stCode]", **granted | options)

    return opened


def taken(page, name):
    """Press the row's download button and return the file's name and bytes."""
    with page.expect_download(timeout=60_000) as download:
        page.locator(f".st-key-export_{name} .stDownloadButton button").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_the_report_opens_on_its_own_without_a_network(opened, browser, tmp_path):
    page = opened("?language=ko&colour=mako")
    expect(page.locator(".st-key-export_size_report")).to_contain_text("MB", timeout=60_000)
    name, content = taken(page, "report")
    assert name == f"odd-one-out-{FIRST_PRODUCT}-report.html"
    (tmp_path / name).write_bytes(content)

    alone = browser.new_context(offline=True)
    report, asked, failures = alone.new_page(), [], []
    report.on("pageerror", lambda error: failures.append(str(error)))
    report.on("request", lambda request: asked.append(request.url))
    report.goto((tmp_path / name).as_uri())
    assert report.locator("html").get_attribute("lang") == "ko"
    assert report.locator("svg.picture").count() > 10
    assert failures == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    alone.close()


def test_everything_comes_down_and_is_whole(opened):
    page = opened()
    name, content = taken(page, "archive")
    assert name == f"odd-one-out-{FIRST_PRODUCT}.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {"report.html", "run.py", "scores.csv", "settings.json", "maps.safetensors"} <= set(archive.namelist())
        script, table = archive.read("run.py"), archive.read("scores.csv")
    assert taken(page, "table") == (f"odd-one-out-{FIRST_PRODUCT}-scores.csv", table)
    assert len(list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))) == 5 * 16
    assert taken(page, "script") == ("run.py", script)
    assert ast.parse(script)


def test_the_script_and_what_made_it_can_be_copied(opened):
    page = opened()
    page.get_by_role("button", name="Copy script").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == taken(page, "script")[1].decode()
    page.get_by_role("button", name="Copy what made this").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('Odd One Out: Forged link'))")
    assert "sha256 0000" in page.evaluate("navigator.clipboard.readText()")


def test_a_phone_stacks_the_rows(opened):
    page = opened(viewport={"width": 420, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for name in ("report", "archive", "table", "script"):
        box = page.locator(f".st-key-export_take_{name} button").first.bounding_box()
        assert box["height"] >= 40
        assert box["x"] + box["width"] <= 420
