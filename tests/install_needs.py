"""Install what the tests need beyond Python packages: a browser, Redis 7.0, PostgreSQL, and the
official AsyncAPI parser, which runs on node.

`make test` runs it. It looks first and installs only what is missing: Playwright's own Chromium, or
else Debian's; the servers by apt-get, which needs root. What it cannot install it names, and the
tests that need it are then skipped by name.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAMS = {
    "redis-server": "redis-server",
    "postgres": "postgresql",
    "node": "nodejs",
    "npm": "npm",
}
"""Programs, and the Debian packages that have them."""

PARSER = Path(__file__).parent / "asyncapi"


def main() -> int:
    """Print one line per thing missing; always succeeds, the tests tell the rest."""
    packages = [package for program, package in PROGRAMS.items() if not has(program)]
    if not browser_is_there() and not install_own_browser():
        packages.append("chromium")
    if packages:
        install(packages)
    if has("npm") and not parser_is_there():
        install_parser()
    return 0


def has(program: str) -> bool:
    """Whether a program is there; Debian keeps PostgreSQL's out of the PATH."""
    debian = Path("/usr/lib/postgresql").glob(f"*/bin/{program}")
    return shutil.which(program) is not None or any(debian)


def browser_is_there() -> bool:
    """Whether Playwright's own Chromium or one of the system's is installed."""
    if has("chromium") or has("chromium-browser") or has("google-chrome"):
        return True
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def install_own_browser() -> bool:
    """Try Playwright's own Chromium, with the libraries it needs where we may install them."""
    print("Installing a browser for the tests")
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    if may_install():
        command.insert(-1, "--with-deps")
    quiet = subprocess.DEVNULL
    return subprocess.run(command, check=False, stdout=quiet, stderr=quiet).returncode == 0


def parser_is_there() -> bool:
    """Whether the AsyncAPI parser is installed as its lock file has it."""
    installed = PARSER / "node_modules" / ".package-lock.json"
    wanted = PARSER / "package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime


def install_parser() -> None:
    """Install the AsyncAPI parser beside its lock file; no script of a package is run."""
    print("Installing the AsyncAPI parser for the tests")
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(command, check=False, cwd=PARSER).returncode:
        print("Some tests will be skipped: npm could not install the AsyncAPI parser")


def may_install() -> bool:
    """Whether apt-get is there and we are allowed to use it."""
    return os.getuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> None:
    """Install Debian packages, or say which ones somebody should."""
    named = " ".join(packages)
    if not may_install():
        print(f"Some tests will be skipped; they need: {named} (sudo apt-get install {named})")
        return
    print(f"Installing {named}")
    # PostgreSQL's package starts a server of its own otherwise; the tests start theirs.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-qq", *step], check=False, env=environment)
    missing = [package for package in packages if not any(map(has, programs_of(package)))]
    if missing:
        print(f"Some tests will be skipped, for want of: {' '.join(missing)}")


def programs_of(package: str) -> list[str]:
    """The programs that show that a package is installed."""
    return [program for program, of in PROGRAMS.items() if of == package] or [package]


if __name__ == "__main__":
    sys.exit(main())
