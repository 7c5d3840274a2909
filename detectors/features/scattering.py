"""A backbone without weights: a fixed wavelet scattering network, designed instead of learnt.

A picture is split into luminance and two colour differences and halved again and again. At every octave small waves in
eight directions are looked for (first order), and in how strongly the luminance's waves are there, waves are looked
for once more at every coarser octave (second order: texture, corners, repetition). There is nothing to download.

After Mallat, "Group invariant scattering" (2012), and Bruna & Mallat, "Invariant scattering convolution networks"
(2013). We depart from them in colour, in the logarithm, and in keeping maps of three strides instead of one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from detectors.errors import SettingRefused

ORIENTATIONS = 8  # 22.5 degrees apart: neighbouring filters then overlap at about half their height
OCTAVES = 4  # strides 2, 4, 8, 16; a fifth would leave 7 x 7 cells of 224 pixels, fewer than a filter has taps
RADIUS = 5  # 11 x 11 taps hold 2.9 deviations of the envelope along the wave and 1.8 across
SIGMA = 1.7  # pixels, the envelope along the wave: about one octave of bandwidth
SLANT = 0.6  # the envelope is 1/0.6 longer across the wave, which sharpens the sense of direction
FREQUENCY = 0.75 * 3 * math.pi / 4  # radians per pixel: the next octave's filter takes over where this one fades
COLOURS = (  # times 4, so that an edge of ordinary contrast lies on the bend of the logarithm below
    (4 * 0.299, 4 * 0.587, 4 * 0.114),  # luminance, ITU-R BT.601
    (4 * 0.5, -4 * 0.5, 0.0),  # red against green
    (4 * 0.25, 4 * 0.25, -4 * 0.5),  # yellow against blue
)
SMALLEST = 32  # pixels a side: two cells of the coarsest grid
FLOOR = 1e-8  # under the root of the modulus: keeps its gradient finite where nothing is
STEEPNESS = 8.0  # log(1 + 8x): faint waves count nearly linearly, strong ones by their ratio
OUTPUT_OCTAVE = {1: 2, 2: 3, 3: 4, 4: 4}  # where the waves of an octave are laid down: averaged once, at stride >= 4


class Scattering(nn.Module):
    """(B, 3, H, W) in [0, 1] -> three maps at strides 4, 8, 16 and their means per stage.

    Channels: the 3 smoothed colours of each stride; 24 first-order waves (3 colours x 8 directions) per octave; 64
    second-order paths (8 x 8 directions of luminance) per pair of octaves. A grid's cell (i, j) is centred on
    the pixels it stands for, at ((i + .5) * stride - .5, (j + .5) * stride - .5), as half-pixel enlarging expects.
    Sides that are no multiple of 16 are extended by their edge pixels, alike on both ends, which moves the outermost
    cells by at most 7.5 pixels and the middle not at all.
    """

    colours: Tensor
    waves: Tensor
    taps: Tensor
    channels = (27, 91, 371)
    strides = (4, 8, 16)
    native_size = 224
    normalisation = ((0.0,) * 3, (1.0,) * 3)  # none: pictures stay in [0, 1]
    sized = False
    channels_last = True
    standardise = True  # without it nearest neighbours are dominated by a few loud channels
    stages = ("colour", "first order", "second order")  # 3, 96 and 384 channels: what MahalanobisAD sums over

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("colours", torch.tensor(COLOURS, dtype=torch.float64).float()[:, :, None, None])
        self.register_buffer("waves", wave_filters().float())  # (2 * 8, 11, 11): even, then odd
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8  # binomial; an even number, so that halving keeps the centre
        self.register_buffer("taps", torch.outer(taps, taps)[None, None])  # (1, 1, 4, 4)

    def forward(self, pictures: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return (maps, pooled)."""
        colour = functional.conv2d(_padded(pictures), self.colours)  # (B, 3, H, W)
        finer = colour[:, :0]  # luminance's waves of all finer octaves, halved to the present one
        grids: dict[int, list[Tensor]] = {2: [], 3: [], 4: []}  # by octave of the output
        tones, first, second = [], [], []
        for octave in range(1, OCTAVES + 1):
            colour = self._halve(colour)  # (B, 3, h, w)
            finer = self._halve(finer)  # (B, 8 * (octave - 1), h, w)
            waves = self._waves(torch.cat([colour, finer], 1))  # (B, 24 + 64 * (octave - 1), h, w)
            output = OUTPUT_OCTAVE[octave]
            laid = torch.log1p(STEEPNESS * (waves if output == octave else self._halve(waves)))
            first.append(laid[:, : 3 * ORIENTATIONS])
            second.append(laid[:, 3 * ORIENTATIONS :])
            grids[output].append(laid)
            if octave in grids:
                tones.append(colour.sign() * torch.log1p(STEEPNESS * colour.abs()))  # a colour difference has a sign
                grids[octave].append(tones[-1])
            finer = torch.cat([finer, waves[:, :ORIENTATIONS]], 1)  # luminance is the first colour
        maps = tuple(torch.cat(parts, 1) for parts in grids.values())
        return maps, (_means(tones[:1]), _means(first), _means(second))

    def _halve(self, x: Tensor) -> Tensor:
        """Average 4 x 4 pixels onto every second place; a picture mirrored at its edges stays so."""
        b, c, h, w = x.shape
        x = functional.pad(x.reshape(b * c, 1, h, w), (1, 1, 1, 1), mode="replicate")
        return functional.conv2d(x, self.taps, stride=2).view(b, c, h // 2, w // 2)

    def _waves(self, x: Tensor) -> Tensor:
        """Return how strongly each direction's wave is there, whatever its phase: (B, C, h, w) -> (B, C * 8, h, w)."""
        b, c, h, w = x.shape
        x = _mirrored(x.reshape(b * c, h, w))  # (B * C, h + 10, w + 10)
        # The window's 11 rows become channels: one copy, but the convolution is then three times as fast on a CPU.
        rows = x.unfold(1, 2 * RADIUS + 1, 1).permute(0, 3, 1, 2)  # (B * C, 11, h, w + 10)
        kernel = self.waves[:, :, None]  # (16, 11, 1, 11)
        both = functional.conv2d(rows.contiguous(memory_format=torch.channels_last), kernel)  # (B * C, 16, h, w)
        even, odd = both[:, :ORIENTATIONS], both[:, ORIENTATIONS:]
        modulus = even.square().add_(FLOOR).addcmul_(odd, odd).sqrt_()  # in place where the gradient allows
        return modulus.reshape(b, c * ORIENTATIONS, h, w)


def wave_filters() -> Tensor:
    """Return the Morlet filters, (16, 11, 11) float64: 8 directions even, 8 odd, each of mean 0 and energy 1."""
    y, x = torch.meshgrid(*[torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)] * 2, indexing="ij")
    even, odd = [], []
    for k in range(ORIENTATIONS):
        angle = k * math.pi / ORIENTATIONS
        along = x * math.cos(angle) + y * math.sin(angle)
        across = y * math.cos(angle) - x * math.sin(angle)
        envelope = torch.exp(-(along**2 + (SLANT * across) ** 2) / (2 * SIGMA**2))
        cosine = envelope * torch.cos(FREQUENCY * along)
        even.append(cosine - envelope * (cosine.sum() / envelope.sum()))  # blind to brightness
        odd.append(envelope * torch.sin(FREQUENCY * along))  # mean 0 by symmetry
    filters = torch.stack([*even, *odd])
    return filters / filters.square().sum((1, 2), keepdim=True).sqrt()


def _padded(pictures: Tensor) -> Tensor:
    height, width = pictures.shape[-2:]
    if min(height, width) < SMALLEST:
        raise SettingRefused(
            "scattering.size",
            "The scattering backbone needs pictures of at least {least} x {least} pixels, found {height} x {width}. "
            "Choose 224.",
            least=SMALLEST,
            height=height,
            width=width,
        )
    down, right = -height % 2**OCTAVES, -width % 2**OCTAVES
    edges = (right // 2, right - right // 2, down // 2, down - down // 2)
    return functional.pad(pictures, edges, mode="replicate") if down or right else pictures


def _means(parts: list[Tensor]) -> Tensor:
    return torch.cat([part.mean((2, 3)) for part in parts], 1)


def _mirrored(x: Tensor) -> Tensor:
    """Extend (N, h, w) by the filters' radius on each side, mirrored with the edge pixel repeated."""
    for dim in (1, 2):
        size = x.shape[dim]
        place = torch.arange(-RADIUS, size + RADIUS, device=x.device) % (2 * size)
        x = x.index_select(dim, torch.minimum(place, 2 * size - 1 - place))
    return x
