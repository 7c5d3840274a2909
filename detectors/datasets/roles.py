"""What a person says of folders and files that were misunderstood: one of `ROLES`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detectors.datasets.layouts import Override, kind_of
from detectors.errors import SettingRefused

# "good" is learnt or tested as the folders above say; "defective" has the kind that the folders name.
ROLES = ("good", "train/good", "test/good", "defective", "defective/KIND", "unlabelled", "masks", "ignore")
_SHOWN = 12


def parse_roles(texts: Sequence[str]) -> dict[str, str]:
    """Read PATH=ROLE as the command line gives it; `SettingRefused` for another form or role.

    >>> parse_roles(["test/blurred=ignore", "cam1/a=b=good"])
    {'test/blurred': 'ignore', 'cam1/a=b': 'good'}
    """
    roles = {}
    for text in texts:
        path, equals, role = text.rpartition("=")
        if not equals:
            raise SettingRefused(
                "roles.form",
                "A role is given as PATH=ROLE, for example test/blurred=ignore; {text!r} is not of that form.",
                text=text,
            )
        roles[path] = role
    check_roles(roles)
    return roles


def check_roles(roles: Mapping[str, str]) -> None:
    """Raise `SettingRefused` for a role that is none of `ROLES`, or a kind that means good."""
    for path, role in roles.items():
        first, _, kind = role.partition("/")
        named = first == "defective" and kind.strip() and kind_of(kind) != "good" and kind != "KIND"
        if not named and (role not in ROLES or kind == "KIND"):
            raise SettingRefused(
                "roles.unknown",
                "The role of {path!r} is {role!r}; {roles} are the ones there are.",
                path=path,
                role=role,
                roles=", ".join(ROLES),
            )


def resolve(names: Sequence[str], roles: Mapping[str, str]) -> tuple[dict[str, Override], tuple[str, ...]]:
    """Return what each file's deepest named folder was called, and the paths that name nothing here.

    A path is a folder as the report shows it, without the folders that wrap everything if one likes, or one file; ""
    and "." mean everything.
    """
    found: dict[str, Override] = {}
    depth: dict[str, int] = {}
    unused = []
    whole = [f"/{name}" for name in names]
    for path, role in roles.items():
        bare = "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))
        matching = _below(bare, names, whole)
        if not matching:
            unused.append(path)
        for name in matching:
            if bare.count("/") + bool(bare) >= depth.get(name, 0):
                found[name], depth[name] = Override(bare, role), bare.count("/") + bool(bare)
    return found, tuple(unused)


def nowhere(unused: Sequence[str], names: Sequence[str]) -> SettingRefused:
    """Return the refusal of roles for folders that are not there; it names those that are."""
    folders = sorted({name.rpartition("/")[0] for name in names} - {""})
    return SettingRefused(
        "roles.nowhere",
        "There is no folder or file {path!r} in this set; there are {folders}.",
        path=unused[0],
        folders=", ".join(folders[:_SHOWN]) or "no folders",
    )


def _below(path: str, names: Sequence[str], whole: Sequence[str]) -> list[str]:
    if not path:
        return list(names)
    exact = [name for name in names if name == path or name.startswith(f"{path}/")]
    if exact:
        return exact
    inner = [name for name, full in zip(names, whole, strict=True) if f"/{path}/" in full or full.endswith(f"/{path}")]
    tops = {full[: f"{full}/".index(f"/{path}/")] for full in (f"/{name}" for name in inner)}
    return inner if len(tops) == 1 else []
