"""Runs a program in a network of its own, which has a loopback and nothing else; some of its ports are reached through ours.

For a server that listens on every address whatever it is told. The listening sockets are made outside and handed in: a socket stays
in the network it was made in, so what is accepted here is passed on there. ::

    unshare --net ... python -m mlcontrol.testing.namespace FD:PORT [FD:PORT ...] -- PROGRAM [ARGUMENT ...]
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
import sys
from functools import partial

from mlcontrol.sandbox.relay import link

_SET_FLAGS = 0x8914  # SIOCSIFFLAGS, netdevice(7)
_UP = 0x1


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh", b"lo", _UP))


def outer(command: list[str], roads: dict[int, int]) -> list[str]:
    """The command that runs ``command`` in there. ``roads``: port inside by file descriptor, which the caller hands down."""
    pairs = [f"{fd}:{port}" for fd, port in roads.items()]
    alone = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        alone.append("--map-root-user")
    return [*alone, sys.executable, "-m", "mlcontrol.testing.namespace", *pairs, "--", *command]


async def _run(roads: dict[int, int], command: list[str]) -> int:
    for fd, port in roads.items():
        await asyncio.start_server(partial(link, target=port), sock=socket.socket(fileno=fd))
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


def main() -> int:
    split = sys.argv.index("--")
    pairs = (pair.split(":") for pair in sys.argv[1:split])
    roads = {int(fd): int(port) for fd, port in pairs}
    loopback_up()
    return asyncio.run(_run(roads, sys.argv[split + 1 :]))


if __name__ == "__main__":
    sys.exit(main())
