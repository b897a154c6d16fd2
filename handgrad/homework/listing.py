"""What lies in a folder or in a zip: visible files and folders, with what speaks against reading each."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

__all__ = ["Entry", "of_folder", "of_zip"]

MOST = 50_000  # files in a folder, or members of a zip
DEEPEST = 8  # folders below the path given
RATIO = 1_000  # bytes out for each byte in: deflate reaches 1,032 on nothing but zeros
TOTAL = 10_000_000_000  # bytes that all notebooks of a zip may have together
# Not bzip2 and LZMA: zipfile unpacks whole blocks of them, so that 4 kB can become gigabytes in memory.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
HEADER = 30  # bytes of a member's own header, before its name


@dataclass(frozen=True)
class Entry:
    """A file or folder: `parts` of its place below the path given, `name` to open it by, and what is wrong."""

    parts: tuple[str, ...]
    name: str
    kind: Literal["file", "folder"] = "file"
    problem: str = ""
    outside: bool = False  # its name leads out of the archive

    def below(self, depth: int) -> Entry:
        """The same, seen from a folder further down."""
        return replace(self, parts=self.parts[depth:])


def _hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def of_folder(root: Path) -> list[Entry]:
    """Every visible entry below `root`; links are named and never followed. Raises OSError, or ValueError if many."""
    entries: list[Entry] = []
    _walk(root, (), entries)
    return entries


def _walk(folder: Path, parts: tuple[str, ...], entries: list[Entry]) -> None:
    with os.scandir(folder) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        here = (*parts, item.name)
        name = "/".join(here)
        if _hidden((item.name,)):
            continue
        if len(entries) >= MOST:
            raise ValueError(f"it holds more than {MOST:,} files and folders")
        if item.is_symlink() or getattr(item, "is_junction", bool)():
            problem = "it is a link, which is not followed: ask for the notebook itself"
            entries.append(Entry(here, name, problem=problem))
        elif item.is_dir(follow_symlinks=False):
            place = len(entries)
            entries.append(Entry(here, name, "folder"))
            try:
                if len(here) < DEEPEST:
                    _walk(folder / item.name, here, entries)
            except OSError as error:
                said = error.strerror or type(error).__name__
                entries[place] = Entry(here, name, "folder", f"the folder cannot be read ({said})")
        elif item.is_file(follow_symlinks=False):
            entries.append(Entry(here, name))
        else:
            problem = "it is no ordinary file: ask for the notebook itself"
            entries.append(Entry(here, name, problem=problem))


def of_zip(path: Path) -> list[Entry]:
    """Every visible member of the zip, by its directory alone; nothing is unpacked.

    Raises zipfile.BadZipFile, or ValueError for more members or bytes than a class hands in.
    """
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    if len(infos) > MOST:
        raise ValueError(f"it holds {len(infos):,} members, more than {MOST:,}")
    overlapping = _overlapping(infos)
    entries, total = [], 0
    for info in infos:
        parts, outside = _parts(info.filename)
        if not parts or _hidden(tuple(part for part in parts if part not in (".", ".."))):
            continue
        problem = _problem(info, info.header_offset in overlapping, outside)
        folder = info.filename.endswith(("/", "\\")) and not outside
        total += 0 if problem else info.file_size
        entries.append(Entry(parts, info.filename, "folder" if folder else "file", problem, outside))
    if total > TOTAL:
        raise ValueError(f"its members have {total:,} bytes together, more than {TOTAL:,}")
    return sorted(entries, key=lambda entry: (entry.parts, entry.name))


def _parts(name: str) -> tuple[tuple[str, ...], bool]:
    """The parts of a member's name, and whether it leads out of the archive."""
    flat = name.replace("\\", "/")
    parts = tuple(part for part in flat.split("/") if part not in ("", "."))
    return parts, flat.startswith("/") or ".." in parts or bool(re.match(r"[A-Za-z]:", flat))


def _problem(info: zipfile.ZipInfo, overlaps: bool, outside: bool) -> str:
    """What speaks against reading this member; empty if nothing does."""
    ask = "ask for the notebook itself"
    mode = info.external_attr >> 16
    if outside:
        return f"its name in the zip leads out of the archive, so it is not read: {ask}"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"it is a link or a device, not a file: {ask}"
    if info.flag_bits & 0x1:
        return "it is locked with a password: ask for it without one"
    if info.compress_type not in METHODS:
        return f"it is packed in a way that is not read here (method {info.compress_type}): {ask}"
    if overlaps:
        return f"it shares its bytes in the zip with another file, as in a zip bomb: {ask}"
    if info.file_size > RATIO * max(info.compress_size, 1):
        return (
            f"it unpacks from {info.compress_size:,} to {info.file_size:,} bytes, as a zip bomb does: {ask}"
        )
    return ""


def _overlapping(infos: list[zipfile.ZipInfo]) -> set[int]:
    """Where the members begin that share bytes with another."""
    shared: set[int] = set()
    end, last = -1, -1
    for info in sorted(infos, key=lambda info: (info.header_offset, info.compress_size)):
        start = info.header_offset
        if start < end:
            shared |= {start, last}
        reach = start + HEADER + len(info.orig_filename) + info.compress_size
        if reach > end:
            end, last = reach, start
    return shared
