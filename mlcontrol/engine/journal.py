"""The engine's own log: JSON lines, rotated, without secrets; crashes of the interpreter included."""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import sys
import threading
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import structlog

SECRET_NAMES = ("secret", "password", "token", "authorization", "authkey", "api_key")


def _redact(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in entry:
        if any(word in name.lower() for word in SECRET_NAMES):
            entry[name] = "***"
    return entry


def open_log(path: Path, level: int = logging.INFO) -> None:
    """Send structlog and logging to ``path`` (5 files of 2 MB); faulthandler writes beside it."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=2_000_000, backupCount=4, encoding="utf-8")
    path.chmod(0o600)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=True),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    crash = path.with_suffix(".crash")
    crash.touch(0o600)
    crash.chmod(0o600)
    faulthandler.enable(crash.open("w", encoding="utf-8"))


def catch_strays(report: Callable[[BaseException, str], object]) -> None:
    """Whatever no one caught, in whichever thread, is reported instead of lost."""

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            report(args.exc_value, f"thread {args.thread.name if args.thread else '?'}")

    threading.excepthook = of_thread
    sys.excepthook = lambda _kind, error, _trace: report(error, "the engine")
