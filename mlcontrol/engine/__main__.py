"""`python -m mlcontrol.engine --workspace FILE [--linger]`: what a shell starts when it finds no engine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mlcontrol.engine.serve import LINGER_S, serve


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mlcontrol.engine")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--linger", action="store_true", help="end when nobody needs the engine any more")
    parser.add_argument("--linger-seconds", type=float, default=LINGER_S)
    args = parser.parse_args()
    return serve(args.workspace, linger=args.linger, linger_s=args.linger_seconds)


if __name__ == "__main__":
    sys.exit(main())
