"""The house's own lints, each with a twin: a snippet it must flag, so that a blind rule cannot pass for a clean house."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 400
# A longer file needs a reason here.
LONGER_FILES: dict[str, str] = {}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
# The engine's last words before it has a log go to whoever started it.
PRINTING_ROOMS = (
    "mlcontrol/cli/",
    "mlcontrol/sandbox/",
    "mlcontrol/engine/serve.py",
    "resources/audit/",
    "resources/sandbox/",
    "tools/",
    "tests/",
)
HTTP_LIBRARIES = {"requests", "pycurl", "httpx", "urllib3", "aiohttp"}
# Spelled in pieces, so that this file does not break its own rules.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.<])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/[a-z]\w*|Us" + r"ers/\w+)(?:/|\b)")


@dataclass(frozen=True)
class Source:
    """One tracked text file."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    def is_in(self, *rooms: str) -> bool:
        return self.is_python and self.path.startswith(rooms)


Rule = Callable[[Source], Iterator[str]]


def called_name(node: ast.AST) -> str:
    """The last part of what is called: ``exec`` of ``dialog.exec()``; empty for anything that is not a call."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def calls(source: Source, *names: str) -> Iterator[str]:
    yield from (
        f"line {node.lineno}: {called_name(node)}()"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and called_name(node) in names
    )


def imported(source: Source) -> Iterator[tuple[int, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def no_nested_event_loop(source: Source) -> Iterator[str]:
    # Nested loops run other people's slots in the middle of ours; QApplication.exec in app.py is the one real loop.
    if source.is_in("mlcontrol/gui/") and source.path != "mlcontrol/gui/app.py":
        yield from calls(source, "exec", "exec_", "processEvents")


def no_qsettings(source: Source) -> Iterator[str]:
    if source.is_in("mlcontrol/gui/"):
        yield from calls(source, "QSettings")


def style_sheets_in_the_theme_only(source: Source) -> Iterator[str]:
    if source.is_in("mlcontrol/gui/") and source.path != "mlcontrol/gui/theme.py":
        yield from calls(source, "setStyleSheet")


def plain_text_on_every_label(source: Source) -> Iterator[str]:
    """A QLabel guesses rich text and then loads local files: every one must be told, where it is made, that its text is plain."""
    if not source.is_in("mlcontrol/gui/"):
        return
    tree = source.tree
    told = {
        ast.unparse(node.func.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "setTextFormat"
        and "PlainText" in ast.unparse(node)
    }
    kept = {id(node.value): ast.unparse(node.targets[0]) for node in ast.walk(tree) if isinstance(node, ast.Assign)}
    for node in ast.walk(tree):
        if called_name(node) == "QLabel" and kept.get(id(node)) not in told:
            yield f"line {getattr(node, 'lineno', 0)}: QLabel without setTextFormat(PlainText)"
        if (
            isinstance(node, ast.ClassDef)
            and any(getattr(b, "id", getattr(b, "attr", "")) == "QLabel" for b in node.bases)
            and "PlainText" not in ast.unparse(node)
        ):
            yield f"line {node.lineno}: {node.name} is a QLabel without PlainText"


def no_formatting_inside_tr(source: Source) -> Iterator[str]:
    if not source.is_in("mlcontrol/"):
        return
    for node in ast.walk(source.tree):
        if called_name(node) in {"tr", "translate"} and any(isinstance(a, ast.JoinedStr) for a in node.args):
            yield f"line {node.lineno}: an f-string cannot be translated"


def no_vague_file_names(source: Source) -> Iterator[str]:
    if source.is_python and Path(source.path).stem in VAGUE_NAMES:
        yield "name the file for its one idea"


def short_files(source: Source) -> Iterator[str]:
    lines = source.text.count("\n")
    if source.is_in("mlcontrol/", "tests/", "tools/") and lines > LONGEST_FILE and source.path not in LONGER_FILES:
        yield f"{lines} lines"


def nothing_unfinished(source: Source) -> Iterator[str]:
    if found := UNFINISHED.search(source.text):
        yield f"{found.group()}: do it, or write an issue"


def no_paths_of_one_machine(source: Source) -> Iterator[str]:
    if found := MACHINE_PATHS.search(source.text):
        yield f"{found.group()!r} exists on one machine only"


def no_printing_outside_the_command_line(source: Source) -> Iterator[str]:
    if source.is_python and not source.path.startswith(PRINTING_ROOMS):
        yield from calls(source, "print")


def http_in_the_adapters_only(source: Source) -> Iterator[str]:
    if source.is_in("mlcontrol/") and not source.path.startswith("mlcontrol/adapters/"):
        yield from (
            f"line {line}: {name}"
            for line, name in imported(source)
            if name.split(".")[0] in HTTP_LIBRARIES or name.startswith("urllib.request")
        )


def no_clock_in_the_core(source: Source) -> Iterator[str]:
    if source.is_in("mlcontrol/core/"):
        yield from calls(source, "now", "utcnow", "today", "monotonic", "perf_counter", "uuid4", "open")


def no_swallowed_exceptions(source: Source) -> Iterator[str]:
    if not source.is_in("mlcontrol/"):
        return
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.ExceptHandler)
            and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
            and all(isinstance(line, ast.Pass | ast.Continue) for line in node.body)
        ):
            yield f"line {node.lineno}: an error disappears here"


def unsaid(text: str) -> str:
    """Text that this file may not hold in one piece, for it is looked at, too."""
    return text.replace("~", "")


TWINS: dict[Rule, tuple[Source, ...]] = {
    no_nested_event_loop: (
        Source("mlcontrol/gui/pages/x.py", "dialog.exec()"),
        Source("mlcontrol/gui/x.py", "QApplication.processEvents()"),
    ),
    no_qsettings: (Source("mlcontrol/gui/x.py", "QSettings()"), Source("mlcontrol/gui/x.py", "QtCore.QSettings('a')")),
    style_sheets_in_the_theme_only: (Source("mlcontrol/gui/pages/x.py", "self.setStyleSheet('color: red')"),),
    plain_text_on_every_label: (
        Source("mlcontrol/gui/x.py", "label = QLabel('x')"),
        Source("mlcontrol/gui/x.py", "a = QLabel()\na.setTextFormat(Qt.PlainText)\nb = QLabel()"),
        Source("mlcontrol/gui/x.py", "class L(QtWidgets.QLabel):\n    pass"),
    ),
    no_formatting_inside_tr: (Source("mlcontrol/gui/x.py", "self.tr(f'{n} rows')"),),
    no_vague_file_names: (Source("mlcontrol/core/utils.py", ""), Source("mlcontrol/engine/manager.py", "")),
    short_files: (Source("mlcontrol/core/x.py", "x = 1\n" * (LONGEST_FILE + 1)),),
    nothing_unfinished: (Source("README.md", unsaid("TO~DO later")), Source("mlcontrol/x.py", unsaid("# FIX~ME"))),
    no_paths_of_one_machine: (
        Source("README.md", unsaid("see /wo~rk/x")),
        Source("mlcontrol/x.py", unsaid("p = '/ro~ot/.cache'")),
        Source("docs/x.md", unsaid("cd /ho~me/anna/src")),
    ),
    no_printing_outside_the_command_line: (Source("mlcontrol/core/x.py", "print(1)"),),
    http_in_the_adapters_only: (
        Source("mlcontrol/services/x.py", "import requests"),
        Source("mlcontrol/engine/x.py", "from urllib.request import urlopen"),
        Source("mlcontrol/gui/x.py", "def f():\n    import httpx"),
    ),
    no_clock_in_the_core: (
        Source("mlcontrol/core/x.py", "datetime.now(UTC)"),
        Source("mlcontrol/core/x.py", "open('x')"),
    ),
    no_swallowed_exceptions: (
        Source("mlcontrol/x.py", "try:\n    f()\nexcept Exception:\n    pass"),
        Source("mlcontrol/x.py", "try:\n    f()\nexcept:\n    pass"),
    ),
}


def name_of(rule: Rule) -> str:
    return getattr(rule, "__name__", str(rule))


def tracked_sources() -> list[Source]:
    """What git tracks and new files it would; without git, what lies in the rooms."""
    if shutil.which("git") and (ROOT / ".git").exists():
        names = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
    else:
        names = [
            str(path.relative_to(ROOT))
            for room in ("mlcontrol", "tests", "tools", "resources", "docs")
            for path in (ROOT / room).rglob("*")
        ]
    sources = []
    for name in sorted(set(names)):
        try:
            sources.append(Source(name, (ROOT / name).read_text()))
        except (OSError, UnicodeDecodeError):  # removed just now, a folder, or a picture
            continue
    return sources


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    found = tracked_sources()
    assert len(found) > 50, "the rules must look at the real tree"
    return found


@pytest.mark.parametrize("rule", TWINS, ids=name_of)
def test_the_house_keeps_the_rule(rule: Rule, sources: list[Source]) -> None:
    assert not [f"{source.path}: {finding}" for source in sources for finding in rule(source)]


@pytest.mark.parametrize(
    ("rule", "bad"),
    [(rule, bad) for rule, twins in TWINS.items() for bad in twins],
    ids=lambda value: name_of(value) if callable(value) else value.path,
)
def test_the_rule_flags_its_twin(rule: Rule, bad: Source) -> None:
    assert list(rule(bad))


def test_every_reason_for_a_long_file_is_still_needed(sources: list[Source]) -> None:
    long = {source.path for source in sources if source.text.count("\n") > LONGEST_FILE}
    assert not set(LONGER_FILES) - long


# -- adapters and the entry points that name them ----------------------------------------------------------------------

FAMILIES = ("registry", "serving", "routing", "metrics", "predictions", "lineage", "alerts", "secrets")


def unnamed_adapters(sources: list[Source], entry_points: dict[str, dict[str, str]]) -> set[str]:
    """Classes that state a viability, which is what makes a class an adapter, and that no entry point names or extends."""
    named = {target for group in entry_points.values() for target in group.values()}
    found, extended = set(), set()
    for source in sources:
        family = source.path.removeprefix("mlcontrol/adapters/").split("/")[0]
        if not source.is_in("mlcontrol/adapters/") or family not in FAMILIES:
            continue
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and any(
                getattr(member, "name", "") == "viability" for member in node.body
            ):
                found.add(target := f"{source.path.removesuffix('.py').replace('/', '.')}:{node.name}")
                if target in named:
                    extended |= {ast.unparse(parent) for parent in node.bases}
    return {target for target in found - named if target.split(":")[1] not in extended}


def project_entry_points() -> dict[str, dict[str, str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["entry-points"]


def test_every_adapter_is_named_in_the_entry_points(sources: list[Source]) -> None:
    assert not unnamed_adapters(sources, project_entry_points())


def test_an_adapter_without_an_entry_point_is_seen() -> None:
    acme = Source("mlcontrol/adapters/serving/acme.py", "class Acme:\n    def viability(self): ...")
    assert unnamed_adapters([acme], project_entry_points()) == {"mlcontrol.adapters.serving.acme:Acme"}
