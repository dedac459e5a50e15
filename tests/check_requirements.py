"""Whether the compiled requirement files fit their sources, without asking any server.

Every line of the `.in` files is met by a pinned version, every pin has hashes, nothing in the files
tells where it was downloaded, and both files pin the same versions.
"""

import re
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^ ;\\]+)"
    r"(?P<hashes>[^\n]*\\\n(?:[ ]+--hash=[^\n]*\n?)+)?",
    re.MULTILINE,
)


def main() -> int:
    """Print what is wrong, one line each; 1 when anything is."""
    wrong = [*problems("requirements"), *problems("requirements-dev"), *differences()]
    for line in wrong:
        print(line)
    if wrong:
        print("run: make requirements")
    return 1 if wrong else 0


def problems(stem: str) -> list[str]:
    """What is wrong with one compiled file."""
    text = (ROOT / f"{stem}.txt").read_text()
    pinned = pins(stem)
    wrong = [
        f"{stem}.txt: {pin['name']} has no hash" for pin in PIN.finditer(text) if not pin["hashes"]
    ]
    if "://" in text or "--index-url" in text or "--find-links" in text:
        wrong.append(f"{stem}.txt: holds a download address")
    for wanted in wishes(stem):
        version = pinned.get(canonicalize_name(wanted.name))
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            wrong.append(f"{stem}.txt: {wanted} of {stem}.in is not met (has {version})")
    return wrong


def differences() -> list[str]:
    """Packages that the two files pin differently."""
    tests = pins("requirements-dev")
    return [
        f"{name} is {version} in requirements.txt and {tests.get(name)} in requirements-dev.txt"
        for name, version in pins("requirements").items()
        if tests.get(name) != version
    ]


def pins(stem: str) -> dict[str, str]:
    """Version by package of a compiled file."""
    text = (ROOT / f"{stem}.txt").read_text()
    return {canonicalize_name(pin["name"]): pin["version"] for pin in PIN.finditer(text)}


def wishes(stem: str) -> list[Requirement]:
    """The lines of a source file."""
    lines = (line.strip() for line in (ROOT / f"{stem}.in").read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


if __name__ == "__main__":
    sys.exit(main())
