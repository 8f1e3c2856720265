"""`make demo`: installs what is missing, then opens the panel on the sandbox. With ``--install-only`` stops before that."""

from __future__ import annotations

import os
import sys

import machine

machine.require_python()  # before the import of anything that an older Python cannot read

import environment  # noqa: E402


def main() -> None:
    install_only = "--install-only" in sys.argv[1:]
    if not install_only:
        machine.require_display()
    # One list and one installation: refreshing the package lists takes longer than the packages.
    machine.install(machine.panel_lacks() + machine.sandbox_lacks() + environment.lacks(), "The panel and its sandbox")
    python = environment.ensure(development=False)
    if install_only:
        machine.say("Installed. Next: .venv/bin/mlcontrol --help")
        return
    os.chdir(environment.ROOT)
    environment.trust_the_machine()  # the sandbox installs its servers with uv, too
    os.execv(python.parent / "mlcontrol", ["mlcontrol", "demo"])


if __name__ == "__main__":
    main()
