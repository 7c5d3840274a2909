"""Seconds to get pictures in, against Pillow alone, and the memory that hostile files take.

Run: python -m tests.benchmarks.pictures
60 photograph-like PNGs of 1024 x 1024 should load in about 2 s on two cores.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time

import numpy as np
from fixtures.picture_files import encoded, zipped
from PIL import Image
from scipy import ndimage

from detectors import datasets
from detectors.datasets import synthetic
from detectors.evaluation import shortcuts
from detectors.images import Preprocessing

COUNT, SIDE = 60, 1024
TRAPS = {
    "49 MP grey PNG, accepted": "encoded(Image.new('L', (7000, 7000), 9))",
    "49 MP colour PNG, accepted": "encoded(Image.new('RGB', (7000, 7000), (9, 8, 7)))",
    "49 MP JPEG, accepted": "encoded(Image.new('RGB', (7000, 7000), (9, 8, 7)), 'JPEG')",
    "49 MP PNG of 16 bits, accepted": "encoded(Image.fromarray(np.full((7000, 7000), 999, np.uint16)))",
    "49 MP PNG cut short, refused": "encoded(Image.new('RGB', (7000, 7000)))[:-9000]",
    "64 MP PNG, refused": "encoded(Image.new('1', (8000, 8000)))",
    "49 MP progressive JPEG of 90 scans, refused": "many(encoded(Image.new('L', (7000, 7000)), 'JPEG', progressive=1))",
}
TRAP = """
import sys, time
from pathlib import Path
import numpy as np
from PIL import Image
from detectors.errors import Refusal
from detectors.images import decode
from fixtures.picture_files import encoded
def peak():  # Linux only
    status = Path('/proc/self/status').read_text()
    return int(status.split('VmHWM:')[1].split()[0]) / 1024
def many(data):
    return data[:-2] + data[data.rindex(bytes([255, 218])):-2] * 84 + data[-2:]
data = open(sys.argv[1], 'rb').read()
decode(encoded(np.zeros((9, 9, 3), np.uint8)), 'warm')
before, started = peak(), time.process_time()
try:
    decode(data, 'a'); said = 'accepted'
except Refusal as refusal:
    said = str(refusal)
spent = time.process_time() - started
print(f'{spent:6.2f} s of CPU {peak() - before:6.0f} MB  {said}')
"""


def photograph(seed: int) -> np.ndarray:
    """Soft structure with a camera's noise: compresses like a photograph, to about 2 MB."""
    rng = np.random.default_rng(seed)
    coarse = ndimage.zoom(rng.uniform(40, 210, (17, 17, 3)), (SIDE / 17, SIDE / 17, 1), order=1)
    return np.clip(coarse + rng.normal(0, 3, coarse.shape), 0, 255).astype(np.uint8)


def main() -> None:
    """Print seconds, ratios and megabytes."""
    files = [(f"good/{i:03d}.png", encoded(photograph(i))) for i in range(COUNT)]
    print(f"{COUNT} PNGs of {SIDE} x {SIDE}, {sum(len(d) for _, d in files) / 1e6 / COUNT:.1f} MB each")
    started, cpu = time.perf_counter(), time.process_time()
    for _, data in files:
        np.asarray(Image.open(io.BytesIO(data)))
    plain, plain_cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"Pillow alone, one thread: {plain:.2f} s ({plain_cpu:.2f} s of CPU)")
    started, cpu = time.perf_counter(), time.process_time()
    data = datasets.from_uploads(files, [])
    spent, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"from_uploads {spent:.2f} s ({cpu:.2f} s of CPU, {cpu / plain_cpu:.2f} x Pillow's)")
    archive = zipped(dict(files))
    started = time.perf_counter()
    datasets.load_zip(archive, "a.zip")
    print(f"load_zip     {time.perf_counter() - started:.2f} s")
    pictures = [sample.picture for sample in data.train]
    for recipe in (Preprocessing(), Preprocessing(crop="center", equalise=True)):
        started = time.process_time()
        recipe.batch(pictures)
        print(f"batch {recipe}: {1e3 * (time.process_time() - started) / COUNT:.1f} ms of CPU a picture")
    started = time.process_time()
    shortcuts.trivial_statistics(data.train, Preprocessing())
    print(f"trivial statistics {1e3 * (time.process_time() - started) / COUNT:.1f} ms of CPU a picture")
    started = time.process_time()
    synthetic.with_defects(data.train[:12])
    print(f"synthetic defects  {1e3 * (time.process_time() - started) / 12:.1f} ms of CPU a picture")
    traps()


def traps() -> None:
    """Decode each trap in a process of its own and print its seconds and extra memory."""
    make = TRAP.split("data = open")[0] + "Path(sys.argv[1]).write_bytes({})"
    for name, recipe in TRAPS.items():
        file = f"{sys.argv[1] if len(sys.argv) > 1 else '.'}/trap.bin"
        subprocess.run([sys.executable, "-c", make.format(recipe), file], check=True)
        shown = subprocess.run([sys.executable, "-c", TRAP, file], check=True, capture_output=True, text=True).stdout
        print(f"{name:45s} {shown.strip()}")


if __name__ == "__main__":
    main()
