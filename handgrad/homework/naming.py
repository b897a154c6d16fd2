"""Names that students chose: made fit to be shown, to be compared, and to be a file's name."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata

__all__ = ["key", "shown", "stem", "student"]

LONGEST = 64  # characters of a stem before its mark, and of a name that stays itself
SHOWN = 200  # characters of a name in a report
# A name that is its own stem: nothing that a file system, a shell, a link or a table reads as more than text.
PLAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_.@ -]*[a-z0-9_@-])?")
RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(?:[. ].*)?")


def shown(text: str) -> str:
    """The text on one line: control, direction and invisible characters and broken UTF-8 as escapes, cut if long."""
    whole = "".join(_visible(char) for char in text)
    return whole if len(whole) <= SHOWN else whole[: SHOWN - 1] + "…"


def _visible(char: str) -> str:
    kind = unicodedata.category(char)
    if char != " " and (kind[0] == "C" or kind in ("Zl", "Zp", "Zs")):
        return char.encode("unicode-escape").decode("ascii") if ord(char) > 0xFF else f"\\x{ord(char):02x}"
    return char


def student(name: str) -> str:
    """The student's name as every record holds it: shown, trimmed, never empty; long names stay different."""
    whole = "".join(_visible(char) for char in name).strip()
    if len(whole) > SHOWN // 2:
        whole = f"{whole[: SHOWN // 2]}… ({_digest(whole)[:8]})"
    return whole or "(no name)"


def key(name: str) -> str:
    """What two names share if one file system or another would take them for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def stem(student: str) -> str:
    """A file's name for the student, without ending: `ada` stays itself, and no two students share one.

    That holds where a file system ignores case, too. `Ada` becomes `Ada~1`: the number after the tilde says which
    letters are capitals, the first being 1, the second 2, the third 4, in hexadecimal digits. Any other name
    becomes its harmless letters, a tilde and 26 characters of its SHA-256.
    """
    lower = "".join(char.lower() if char.isascii() else char for char in student)
    if len(student) <= LONGEST and PLAIN.fullmatch(lower) and not RESERVED.fullmatch(lower):
        capitals = sum(1 << i for i, char in enumerate(student) if char != lower[i])
        return f"{student}~{capitals:x}" if capitals else student
    plain = unicodedata.normalize("NFKD", student).encode("ascii", "ignore").decode("ascii").lower()
    letters = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[: LONGEST // 2]
    return f"{letters or 'student'}~~{_digest(student)}"


def _digest(text: str) -> str:
    raw = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(raw[:16]).decode("ascii").rstrip("=").lower()
