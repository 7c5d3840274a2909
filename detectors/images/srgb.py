"""Pillow's many kinds of images -> upright 8-bit sRGB, each change told."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

from detectors.errors import Sentence

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def kept_size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Return the size that a picture (or its mask) of this size is kept at: in proportion, no side below 1."""
    scale = longest / max(size)
    return size if scale >= 1 else (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn stored pixels by their EXIF orientation."""
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image


def plain(image: Image.Image, notes: list[Sentence]) -> Image.Image:
    """Bring palettes, single bits and rare colour spaces to a mode whose values can be averaged."""
    clear = "transparency" in image.info
    if image.mode in ("P", "PA"):
        notes.append(Sentence("picture.palette", "Palette colours became true colours."))
        return image.convert("RGBA" if clear or image.mode == "PA" else "RGB")
    if image.mode == "1":
        notes.append(Sentence("picture.one_bit", "Black and white (1 bit) became grey levels."))
    if clear and image.mode in ("1", "L", "RGB"):
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "LAB":
        notes.append(Sentence("picture.lab", "Lab colours became sRGB."))
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB")) or image
    return image if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else image.convert("RGB")


def shrunk(image: Image.Image, longest: int) -> Image.Image:
    """Bring the longer side to at most `longest` pixels, anti-aliased."""
    size = kept_size(image.size, longest)
    return image if size == image.size else image.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)


def flattened(image: Image.Image, kind: str, notes: list[Sentence]) -> Image.Image:
    """Lay a transparent picture over white."""
    if image.mode not in ("LA", "RGBA"):
        return image
    alpha, opaque = image.getchannel("A"), image.convert(image.mode[:-1])
    low, high = alpha.getextrema()
    if low == 255 or (kind == "BMP" and high == 0):  # many programs leave a BMP's fourth byte at 0
        return opaque
    notes.append(Sentence("picture.transparent", "Transparent parts were laid over white."))
    white = Image.new(opaque.mode, opaque.size, "white")
    white.paste(opaque, mask=alpha)
    return white


def in_srgb(image: Image.Image, profile: bytes | None, notes: list[Sentence]) -> Image.Image:
    """Convert by the embedded ICC profile, or by the plain rule where there is none."""
    if image.mode == "CMYK":
        notes.append(Sentence("picture.cmyk", "Printing colours (CMYK) became RGB."))
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            description = " ".join(ImageCms.getProfileDescription(source).split())[:60]
            if not (image.mode == "RGB" and description.startswith("sRGB")):
                image = (
                    ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
                )
                notes.append(
                    Sentence(
                        "picture.profile",
                        "Colours were converted from the profile {profile!r} to sRGB.",
                        profile=description,
                    )
                )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.append(
                Sentence(
                    "picture.profile_ignored",
                    "Its colour profile is damaged or does not fit the picture and was ignored.",
                )
            )
    return image if image.mode == "RGB" else image.convert("RGB")
