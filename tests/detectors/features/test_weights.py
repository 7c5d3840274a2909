"""Weights: files word for word, the hub played by a small server on this machine, and the state of both."""

import http.server
import json
import socket
import subprocess
import sys
import threading
import time

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save, save_file

from detectors.errors import Cancelled, WeightsRefused
from detectors.features.backbone import load_backbone
from detectors.features.packages import PACKAGED
from detectors.features.store import FeatureStore
from detectors.features.weights import weights_state, weights_states
from detectors.methods import build

NAME = "test_resnet"  # timm's own test model: 0.5 M parameters
HUB = "timm/test_resnet.r160_in1k"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(3)
    return timm.create_model(NAME).state_dict()


def refusal(path, name=NAME):
    with pytest.raises(WeightsRefused) as refused:
        load_backbone(name, path, device="cpu")
    return str(refused.value)


def changed(state, **tensors):
    return {**state, **{key.replace("__", "."): value for key, value in tensors.items()}}


def test_a_file_saved_from_timm_is_read_with_or_without_classifier_and_counters(tmp_path, state):
    save_file(state, tmp_path / "full.safetensors")
    needed = {k: v for k, v in state.items() if not k.startswith("fc.") and "num_batches" not in k}
    assert len(needed) < len(state) - 2
    save_file(needed, tmp_path / "needed.safetensors")
    save_file({k: v.double() for k, v in needed.items()}, tmp_path / "double.safetensors")
    full, bare, double = (
        load_backbone(NAME, tmp_path / f"{n}.safetensors", device="cpu") for n in ("full", "needed", "double")
    )
    assert (full.weights.source, full.weights.origin, full.weights.random) == ("file", "full.safetensors", False)
    assert full.weights.sha256 == bare.weights.sha256 == double.weights.sha256
    assert full.notes == ()
    loaded = full._network.model.state_dict()
    assert all(torch.equal(loaded[key], needed[key]) for key in needed)


def test_what_does_not_fit_is_refused_word_for_word(tmp_path, state):
    path = tmp_path / "w.safetensors"
    save_file({k: v for k, v in state.items() if not k.startswith("layer4.")}, path)
    lacking = sum(k.startswith("layer4.") and "num_batches" not in k for k in state)
    total = sum(not k.startswith("fc.") and "num_batches" not in k for k in state)
    assert refusal(path) == (
        f"w.safetensors lacks {lacking} of the {total} tensors of test_resnet, layer4.0.bn1.bias among them. "
        "Choose the file that was saved from this timm model."
    )
    save_file(changed(state, extra__weight=torch.zeros(1)), path)
    assert refusal(path) == (
        "w.safetensors holds 1 tensor that test_resnet does not have, extra.weight among them. "
        "Choose the file that was saved from this timm model."
    )
    save_file(changed(state, bn1__bias=torch.zeros(5)), path)
    assert refusal(path) == (
        f"w.safetensors: bn1.bias has the shape 5; test_resnet needs {len(state['bn1.bias'])}. "
        "Choose the file that was saved from this timm model."
    )
    save_file(changed(state, bn1__bias=state["bn1.bias"].int()), path)
    assert refusal(path) == (
        "w.safetensors: bn1.bias is of type I32; weights are F16, BF16, F32 or F64. Save them as one of these."
    )
    save_file(changed(state, bn1__bias=torch.full_like(state["bn1.bias"], float("nan"))), path)
    assert refusal(path) == (
        "w.safetensors: bn1.bias holds numbers that are not finite. Choose weights whose training went well."
    )


def test_broken_files_are_refused_word_for_word(tmp_path, state):
    path = tmp_path / "w.safetensors"
    assert refusal(path) == "There is no file w.safetensors. Check the name and the folder."
    whole = save(state)
    path.write_bytes(whole[:-1000])
    assert refusal(path) == (
        f"w.safetensors has {len(whole) - 1000:,} bytes where its header speaks of {len(whole):,}. "
        "Copy or download it again."
    )
    not_safetensors = (
        "w.safetensors is not a .safetensors file; other formats can run code and are never opened. "
        "Save the weights with safetensors.torch.save_file."
    )
    torch.save(state, path)
    assert refusal(path) == not_safetensors
    path.write_bytes(b"")
    assert refusal(path) == not_safetensors
    header = b'{"a": "' + b" " * 1_000_000 + b'"}'
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert refusal(path) == (
        "w.safetensors has a header of 1,000,009 bytes; at most 1,000,000 are accepted. "
        "Choose a file that holds the weights of one timm model."
    )
    for text in (
        b"{broken",
        b'{"a": 1}',
        b'{"a": {"dtype": "F32", "shape": 3, "data_offsets": [0, 4]}}',
        b"{" * 99_999,
    ):
        path.write_bytes(len(text).to_bytes(8, "little") + text)
        assert refusal(path) == "The header of w.safetensors cannot be read. Copy or download it again."


def test_a_header_that_claims_a_huge_tensor_costs_nothing(tmp_path):
    text = json.dumps({"conv1.weight": {"dtype": "F32", "shape": [400_000, 400_000], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0\0\0\0")
    assert refusal(path).startswith("w.safetensors lacks ")


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as the hub does for the one file there is, slowly enough to be cancelled."""

    repository = HUB
    body = b""
    pause = 0.0
    asked: list[str]

    def do_HEAD(self):
        found = self.path == f"/{self.repository}/resolve/main/model.safetensors" or COMMIT in self.path
        self.asked.append(f"{self.command} {self.path}")
        self.send_response(200 if found else 404)
        if found:
            self.send_header("ETag", '"abc"')
            self.send_header("Content-Length", str(len(self.body)))
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        for start in range(0, len(self.body), 100_000):
            self.wfile.write(self.body[start : start + 100_000])
            time.sleep(self.pause)

    def log_message(self, *args):
        pass


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, an environment without proxies, and a hub that is not there."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    return tmp_path / "cache"


@pytest.fixture
def hub(cache, monkeypatch, state):
    class OneHub(Hub):
        body = save(state)
        asked: list[str] = []  # noqa: RUF012 - a class of its own for each test

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), OneHub)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield OneHub
    server.shutdown()
    server.server_close()


@pytest.mark.network
def test_the_hub_is_asked_once_and_then_the_cache(hub, state):
    reports = []
    first = load_backbone(NAME, device="cpu", progress=lambda done, stage="", **n: reports.append((done, stage)))
    assert (first.weights.source, first.weights.origin) == ("hub", f"{HUB}@{COMMIT}")
    assert torch.equal(first._network.model.state_dict()["conv1.0.weight"], state["conv1.0.weight"])
    assert {stage for _, stage in reports} <= {"download"}
    asked = len(hub.asked)
    assert asked > 0
    assert load_backbone(NAME, "hub", device="cpu").weights == first.weights
    assert len(hub.asked) == asked
    assert weights_state("test_resnet.r160_in1k").state == "here"


@pytest.mark.network
@pytest.mark.parametrize("name", ["test_vit", "test_convnext", "test_efficientnet"])
def test_every_family_comes_from_the_hub_as_from_a_file(hub, tmp_path, monkeypatch, name):
    """A transformer, a ConvNeXt and an EfficientNet, on to a method's maps."""
    monkeypatch.setenv("ODD_CACHE", str(tmp_path / "graphs"))
    torch.manual_seed(5)
    state = timm.create_model(name).state_dict()
    hub.repository, hub.body = f"timm/{name}.r160_in1k", save(state)
    fetched = load_backbone(name, device="cpu")
    assert (fetched.weights.source, fetched.weights.origin) == ("hub", f"timm/{name}.r160_in1k@{COMMIT}")
    save_file(state, tmp_path / "w.safetensors")
    given = load_backbone(name, tmp_path / "w.safetensors", device="cpu")
    assert fetched.weights.sha256 == given.weights.sha256
    pictures = torch.rand(4, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    store = FeatureStore.extract(pictures, fetched)
    for found, expected in zip(store[:].maps, given(pictures).maps, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    detector = build("padim", backbone=name, levels=(0, len(store.shape.maps) - 1)).fit(store)
    assert detector.predict(store[:2]).maps.shape == (2, 160, 160)
    assert detector.predict(store[:2]).maps.isfinite().all()


@pytest.mark.network
def test_a_cancelled_download_stops_within_two_seconds(hub):
    hub.pause = 0.5

    def stop(done, stage="", **numbers):
        raise Cancelled

    start = time.monotonic()
    with pytest.raises(Cancelled):
        load_backbone(NAME, device="cpu", progress=stop)
    assert time.monotonic() - start < 2
    assert weights_state("test_resnet.r160_in1k").state == "download"


@pytest.mark.network
def test_weights_that_the_hub_does_not_have(hub):
    with pytest.raises(WeightsRefused) as refused:
        load_backbone("test_vit", device="cpu")
    assert str(refused.value) == (
        "The hub has no file model.safetensors for test_vit (looked for timm/test_vit.r160_in1k). "
        "Choose another backbone, or give its weights as a local .safetensors file."
    )


NO_NETWORK = (
    "The weights of {} are not on this machine and the hub did not answer within 3 seconds. "
    "Use scattering, which needs none, give a local .safetensors file, or try again with a network."
)


@pytest.mark.network
def test_no_network_is_said_within_three_seconds(cache):
    start = time.monotonic()
    with pytest.raises(WeightsRefused) as refused:
        load_backbone("resnet18", device="cpu")
    assert time.monotonic() - start < 3
    assert str(refused.value) == NO_NETWORK.format("resnet18")


@pytest.mark.network
def test_a_network_that_swallows_everything_is_noticed_within_three_seconds(cache, monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        with pytest.raises(WeightsRefused) as refused:
            load_backbone(NAME, device="cpu")
        assert time.monotonic() - start < 3
    assert str(refused.value) == NO_NETWORK.format(NAME)


def test_an_environment_that_forbids_the_hub_is_obeyed(cache, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsRefused) as refused:
        load_backbone(NAME, device="cpu")
    assert str(refused.value) == (
        "The weights of test_resnet are not on this machine and HF_HUB_OFFLINE forbids to fetch them. "
        "Use scattering, which needs none, give a local .safetensors file, or unset HF_HUB_OFFLINE."
    )


@pytest.mark.network
def test_the_list_says_what_is_bundled_and_why_the_rest_is_missing(cache):
    states = weights_states()
    assert [s.state for s in states if s.name not in PACKAGED] == ["bundled"] + ["missing"] * 16
    missing = {s.name: str(s.reason) for s in states if s.state == "missing"}
    assert missing["resnet18"] == NO_NETWORK.format("resnet18")


@pytest.mark.network
def test_the_list_says_what_a_download_would_cost(hub):
    states = {s.name: s for s in weights_states()}
    assert (states["resnet18"].state, states["resnet18"].bytes) == ("download", 46_796_608)
    assert weights_state("resnet34").bytes is None


def test_asking_for_the_state_imports_no_torch():
    code = "import sys, detectors.features.weights; print('torch' in sys.modules, 'timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["False"] * 2
