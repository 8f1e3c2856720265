"""What this machine lacks for the panel and for its tests, and how Debian's packages fill the gap.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import NoReturn

CANNOT_RUN = 3
OLDEST_PYTHON = (3, 11)

# soname -> Debian package. Qt's wheel brings Qt; these come from the system.
PANEL_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libbrotlidec.so.1": "libbrotli1",
    "libzstd.so.1": "libzstd1",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
# The sandbox's model server embeds Python; a Python without its shared library cannot be embedded.
PYTHON_LIBRARY = {
    f"libpython{sys.version_info[0]}.{sys.version_info[1]}.so.1.0": f"libpython{sys.version_info[0]}.{sys.version_info[1]}"
}
FONT_FILES = {"/usr/share/fonts/**/*.[to]tf": "fonts-dejavu-core"}

TEST_PROGRAMS = {
    "git": "git",
    "Xvfb": "xvfb",
    "xauth": "xauth",
    "openbox": "openbox",
    "xdotool": "xdotool",
    "wmctrl": "wmctrl",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "mariadbd": "mariadb-server-core",
    "gnome-keyring-daemon": "gnome-keyring",
    "dbus-run-session": "dbus-x11",
    "secret-tool": "libsecret-tools",
    "strace": "strace",
    "faketime": "faketime",
    "socat": "socat",
    "curl": "curl",
    "wrk": "wrk",
    "desktop-file-validate": "desktop-file-utils",
    "appstreamcli": "appstream",
}
TEST_FILES = {"/usr/lib/postgresql/*/bin/initdb": "postgresql"}


@dataclass(frozen=True)
class Lack:
    """One thing that is absent, and the Debian package that has it."""

    what: str
    package: str


def stop(message: str) -> NoReturn:
    """Ends with exit code 3, "cannot run", and the reason on standard error."""
    print(f"\n{message.strip()}", file=sys.stderr, flush=True)
    raise SystemExit(CANNOT_RUN)


def say(message: str) -> None:
    print(f"==> {message}", flush=True)


def require_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        stop(
            f"mlcontrol needs Python 3.11 or newer; this is {found} ({sys.executable}).\n"
            "Name another one:  make PYTHON=python3.12 demo"
        )


def require_display() -> None:
    """Stops, before anything heavy is installed, where no window could open."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    stop("""
There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so the panel has no screen to open on.
How to go on:
  on a desktop       run `make demo` in a terminal of that desktop session
  over ssh           connect with `ssh -X` (or `ssh -Y`) and run `make demo` again
  without a screen   `xvfb-run -a make demo` (Debian packages xvfb and xauth)
  without a window   `make install`, then `.venv/bin/mlcontrol sandbox up` and `.venv/bin/mlcontrol status`
Nothing was installed.
""")


def panel_lacks() -> list[Lack]:
    """What the window needs and does not find."""
    return _libraries(PANEL_LIBRARIES) + _files(FONT_FILES)


def sandbox_lacks() -> list[Lack]:
    """What the real local fleet needs beyond Python packages."""
    return _libraries(PYTHON_LIBRARY)


def test_lacks() -> list[Lack]:
    """What the suite needs beyond the panel and the sandbox: a screen, a window manager, real servers, a keyring."""
    return _programs(TEST_PROGRAMS) + _files(TEST_FILES)


def install(lacks: list[Lack], purpose: str) -> None:
    """Installs the packages of `lacks` with apt, saying which and why. Does nothing if nothing lacks; stops if it cannot."""
    if not lacks:
        return
    packages = sorted({lack.package for lack in lacks})
    say(f"{purpose}: absent here: {', '.join(lack.what for lack in lacks)}")
    by_hand = "apt-get update && apt-get install -y --no-install-recommends " + " ".join(packages)
    if not shutil.which("apt-get"):
        stop(
            f"This is not a Debian or Ubuntu machine, so these must be installed by hand. On Debian it would be:\n  {by_hand}"
        )
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    if as_root and not _may_sudo():
        stop(f"Installing them needs root. Run this once, then the same make command again:\n  sudo sh -c '{by_hand}'")
    say(f"Installing from Debian's packages: {' '.join(packages)}")
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    quiet = ["-qq", "-o=Dpkg::Use-Pty=0"]
    install_command = [*as_root, *environment, "apt-get", "install", "-y", "--no-install-recommends", *quiet, *packages]
    # The package lists of a fresh machine are empty or old: refresh them first, once.
    for command in ([*as_root, *environment, "apt-get", "update", *quiet], install_command):
        if subprocess.run(command, stdin=None, stdout=subprocess.DEVNULL).returncode:
            stop(f"`{' '.join(command)}` failed (its messages are above). Put that right, or run by hand:\n  {by_hand}")


def _may_sudo() -> bool:
    if not shutil.which("sudo"):
        return False
    # Without a terminal nobody can type the password, so only a sudo that asks for none will do.
    return sys.stdin.isatty() or subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0


def _libraries(wanted: dict[str, str]) -> list[Lack]:
    return [Lack(soname, package) for soname, package in wanted.items() if not _loads(soname)]


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return any(os.path.exists(os.path.join(folder, soname)) for folder in _own_folders())
    return True


def _own_folders() -> list[str]:
    """Where a Python built from source keeps its shared library, which the loader does not search."""
    import sysconfig

    return [folder for folder in (sysconfig.get_config_var("LIBDIR"),) if folder]


def _programs(wanted: dict[str, str]) -> list[Lack]:
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    return [Lack(name, package) for name, package in wanted.items() if not shutil.which(name, path=path)]


def _files(wanted: dict[str, str]) -> list[Lack]:
    return [
        Lack(f"a file like {pattern}", package)
        for pattern, package in wanted.items()
        if not glob.glob(pattern, recursive=True)
    ]
