"""Live in a real Chromium: a film stands in for a camera; alarms come with the defect in it and go with it."""

import io
import json
import struct

import pytest
from browser.conftest import visits
from browser.serving import filming, serving
from fixtures import camera
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

STATE = "done"
FOCUS = ".method.focus"  # PatchCore's card
MANY = 30_000
# What a card's picture shows: how many pixels have the coin's colour or a map's hottest, and where their middle lies.
SEEN = """(canvas, [kind]) => {
  const { width, height } = canvas, data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  let n = 0, x = 0, y = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g] = [data[i], data[i + 1]];
    if (kind === 'coin' ? r - g > 38 : r > 235 && g > 190) { n += 1; x += (i / 4) % width; y += (i / 4 / width) | 0; }
  }
  return [n, x / n / width, y / n / height];
}"""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("camera") / "plate.y4m"
    camera.video(path)
    return path


def seen(page, card, kind):
    return page.locator(f"{card} .pane").evaluate(SEEN, [kind])


def wait_for_coin(page, there):
    """Wait until the coin is, or is not, in the picture of the method that paints no map over it."""
    pane = page.locator(".method", has_text="MahalanobisAD").locator(".pane").element_handle()
    page.wait_for_function(f"(canvas) => (({SEEN})(canvas, ['coin'])[0] > 300) === {str(there).lower()}", arg=pane)


def states(page):
    return page.locator(".method").evaluate_all("cards => cards.map(card => card.dataset.state)")


def test_it_is_taught_by_a_camera_and_raises_alarms_on_the_defect_alone(browser, film):
    with serving() as address, filming(browser, film) as filmed, visits(filmed, address) as visit:
        page = visit("live", ".live[data-way=open]")
        page.locator("button.open").click()
        page.wait_for_selector(".live[data-state=idle]")
        page.keyboard.press("l")
        page.wait_for_selector(".live[data-state=learning]")
        page.wait_for_selector(".live[data-ready=true][data-state=live]", timeout=2 * MANY)
        assert page.locator(".taken li").count() == 20

        wait_for_coin(page, True)
        page.wait_for_selector(".method[data-state=alarm] >> nth=3")
        page.keyboard.press(" ")
        page.wait_for_selector(".live[data-state=frozen]")
        assert states(page)[3] == "alarm"
        coin, hot = seen(page, ".method:has-text('MahalanobisAD')", "coin"), seen(page, FOCUS, "hot")
        assert hot[0] > 100
        assert abs(hot[1] - coin[1]) < 0.1
        assert abs(hot[2] - coin[2]) < 0.1
        expect(page.locator(".spoken")).to_contain_text("Alarm: ")

        page.locator(".frozen input").fill("coin")
        page.locator("button.keep").click()
        expect(page.locator(".st-key-remembered")).to_contain_text("Remembered: coin (1)")
        expect(page.get_by_text("15 normal · 5 held out · 1 test")).to_be_visible(timeout=MANY)

        page.keyboard.press("Escape")
        page.locator("button.freeze").click()
        wait_for_coin(page, False)
        page.wait_for_selector(f"{FOCUS}[data-state=calm]")
        page.wait_for_timeout(1000)  # so long the last frames with the coin may still be among those that decide
        heard = []
        for _ in range(8):
            page.wait_for_timeout(150)
            heard += states(page)
        assert seen(page, ".method:has-text('MahalanobisAD')", "coin")[0] < 300
        assert heard.count("alarm") == 0
        assert "answers a second" in page.locator(".numbers").inner_text()

        page.keyboard.press("n")
        expect(page.locator(".taken li")).to_have_count(21)
        page.locator(".taken li button").first.click()
        expect(page.locator(".taken li")).to_have_count(20)


def picture(i):
    buffer = io.BytesIO()
    Image.fromarray(camera.frame(i)).save(buffer, "JPEG")
    return buffer.getvalue()


def said(header, body=b""):
    content = json.dumps(header).encode()
    return struct.pack("<I", len(content)) + content + body


DRAWN = """
const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
const context = canvas.getContext('2d');
setInterval(() => { context.fillStyle = `hsl(${Date.now() % 360} 50% 50%)`; context.fillRect(0, 0, 320, 240); }, 30);
navigator.mediaDevices.getUserMedia = async () => (window.opened = canvas.captureStream(30));
"""


@pytest.fixture
def open_live(visit):
    """Open the page with a channel that a test answers by itself; its page lists what was `asked`."""

    def opened(script, answer=lambda socket, message: None):
        asked = []

        def serve(socket):
            def hear(message):
                asked.append(message)
                if isinstance(message, str) and "visitor" in message:
                    socket.send(said({"event": "open", "kept": [], "ready": False}))
                answer(socket, message)

            socket.on_message(hear)

        page = visit("inspect", "h1", script=script)
        page.route_web_socket("**/live/frames", serve)
        page.get_by_role("link", name="Live").first.click()
        page.wait_for_selector(".live[data-way=open]")
        page.asked = asked
        return page

    return opened


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }",
            "No camera was found.",
        ),
        (
            "Object.defineProperty(window, 'isSecureContext', { value: false })",
            "Browsers give a camera only to pages from this computer itself (localhost) or over HTTPS.",
        ),
    ],
    ids=["none", "insecure"],
)
def test_why_there_is_no_camera_is_said(open_live, script, words):
    page = open_live(script)
    page.locator("button.open").click()
    expect(page.locator(".cover p")).to_contain_text(words)
    assert page.locator(".live").get_attribute("data-state") == "off"


def test_a_refused_camera_is_told_of(browser, film, address):
    with filming(browser, film, allowed=False) as filmed, visits(filmed, address) as visit:
        page = visit("live", ".live")
        page.locator("button.open").click()
        expect(page.locator(".cover p")).to_contain_text("The camera was refused. Allow it")
        assert page.locator(".live").get_attribute("data-state") == "off"


def test_pictures_stand_in_for_a_camera(open_live):
    numbers = []

    def answer(socket, message):
        if isinstance(message, bytes):
            numbers.append(struct.unpack_from("<I", message, 1)[0])
            header = {"did": "frame", "number": numbers[-1], "judged": "taken", "kept": numbers, "target": 20}
            socket.send(said({**header, "ready": False}))

    page = open_live("", answer)
    page.locator(".settings summary").click()
    page.locator(".from select").select_option("pictures")
    files = [{"name": f"{i}.jpg", "mimeType": "image/jpeg", "buffer": picture(i)} for i in range(3)]
    page.locator(".files input").set_input_files(files)
    page.wait_for_selector(".live[data-state=idle]")
    page.locator("button.learn").click()
    page.wait_for_selector(".taken li >> nth=5")
    frames = [message for message in page.asked if isinstance(message, bytes)]
    assert len(set(frames)) == len(frames)
    assert len({message[5:] for message in frames}) >= 2  # they are shown one after the other


def test_no_more_than_two_frames_are_on_their_way_and_a_camera_that_goes_is_told_of(open_live):
    def answer(socket, message):
        if isinstance(message, bytes) and message[0] == 1:
            number = struct.unpack_from("<I", message, 1)[0]
            socket.send(said({"did": "frame", "number": number, "judged": "taken", "kept": [number], "ready": False}))
            socket.send(said({"event": "fitted", "seconds": 1, "bytes": 1}))

    page = open_live(DRAWN, answer)
    page.locator("button.open").click()
    page.wait_for_selector(".live[data-state=idle]")
    page.locator("button.learn").click()
    page.wait_for_selector(".live[data-state=live]")
    page.wait_for_timeout(600)  # in which thirty frames come from the camera
    frames = [message for message in page.asked if isinstance(message, bytes)]
    assert [message[0] for message in frames] == [1, 0, 0]
    assert frames[0][5:7] == b"\xff\xd8"
    page.evaluate("window.opened.getTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.locator(".cover p")).to_contain_text("The camera has gone. What was taught is still there")
