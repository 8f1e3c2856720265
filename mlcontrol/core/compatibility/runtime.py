"""Can the serving binary run it, are its files there, will it stay: rules R1 to R10 and R15 to R17."""

from __future__ import annotations

from collections.abc import Iterator

from mlcontrol.core.compatibility.case import BLOCK, PASS, WARN, Case, Hit, Ruling, ruling
from mlcontrol.core.compatibility.facts import ArtifactFacts, Binary
from mlcontrol.core.compatibility.report import Level, Verdict
from mlcontrol.core.compatibility.skew import GUARANTEED, NO_BYTECODE, newer, parts, runs_in, skew_matrix
from mlcontrol.core.signature import Runtime

_EMPTY = Runtime()


def _sides(case: Case) -> tuple[Runtime, Runtime]:
    return case.candidate.runtime or _EMPTY, case.current.runtime or _EMPTY


def unknown(why: str, remedy: str) -> Ruling:
    return ruling(Verdict.UNKNOWN, why, remedy, Level.NONE)


def _framework(runtime: Runtime, binary: Binary, who: str) -> Ruling | None:
    if binary.frameworks is None:
        return unknown("The binary's frameworks are not known.", "list them in the runtime file")
    if runtime.framework is None:
        return unknown(f"Nobody says what {who} was made with.", "log the model with its flavour and requirements")
    have = binary.frameworks.get(runtime.framework)
    if runtime.framework == "onnx" and (have or "onnxruntime" in binary.frameworks):
        return None  # the file states IR version and operator sets: R4 and R5 decide
    if have is None:
        return ruling(Verdict.BLOCK, f"{who} needs {runtime.framework}; the binary has none.")
    if runtime.version is None:
        return unknown(f"Nobody says which {runtime.framework} {who} was made with.", "record its version")
    if parts(runtime.version)[:1] != parts(have)[:1]:
        return ruling(
            Verdict.BLOCK, f"{who} was made with {runtime.framework} {runtime.version}; the binary has {have}."
        )
    return None


def _show(runtime: Runtime) -> str:
    return " ".join(t for t in (runtime.framework, runtime.version) if t) or "not stated"


def r1_framework(case: Case) -> Iterator[Hit]:
    new, old = _sides(case)
    if case.binary is not None:
        deploy = _framework(new, case.binary, case.new_label)
        back = _framework(old, case.binary, case.old_label) if case.has_current else None
        if deploy or back:
            title = (
                "The serving binary does not have the framework"
                if blocks(deploy, back)
                else "The framework is not known"
            )
            yield Hit("runtime", title, deploy or PASS, back or PASS, _show(new), _show(old))
    elif case.has_current and (unsaid := [who for who, r in _named(case) if _lost(r)]):
        why = f"Nobody says which framework, in which version, made {' and '.join(unsaid)}."
        hit = unknown(why, "log the model with its flavour and requirements, or load the candidate on the server")
        there = back = hit
        probe = case.new.probe
        if probe is not None and probe.loaded and probe.answered:
            there = ruling(Verdict.INFO, "The server loaded it and answered.", level=Level.PROBED)
            back = PASS  # what serves now runs there already
        yield Hit("runtime", "The framework is not known", there, back, _show(new), _show(old))
    elif case.has_current and new.framework and old.framework and _differs(new, old):
        # The binary is only known by what it runs today: the current version's framework.
        hit = unknown(
            f"{case.new_label} was made with {_show(new)}, {case.old_label} with {_show(old)}; the binary is not known.",
            "load the candidate on the server, or say what the binary provides: `check --runtime FILE`",
        )
        probe = case.new.probe
        if probe is not None and probe.loaded and probe.answered:
            hit = ruling(Verdict.INFO, "The server loaded it and answered.", level=Level.PROBED)
        yield Hit("runtime", "The framework changes", hit, PASS, _show(new), _show(old))


def _named(case: Case) -> Iterator[tuple[str, Runtime]]:
    new, old = _sides(case)
    yield case.new_label, new
    yield case.old_label, old


def _lost(runtime: Runtime) -> bool:
    """Does nobody say what it was made with? ONNX and SavedModel state what they need otherwise: operator sets, a format."""
    return runtime.framework is None or (runtime.version is None and runtime.format not in GUARANTEED)


def _differs(new: Runtime, old: Runtime) -> bool:
    if new.framework != old.framework:
        return True
    return bool(new.version and old.version and parts(new.version)[:1] != parts(old.version)[:1])


def blocks(*rulings: Ruling | None) -> bool:
    return any(r is not None and r.verdict is Verdict.BLOCK for r in rulings)


def _minor(runtime: Runtime, binary: Binary | None, model_newer: bool) -> Ruling | None:
    have = (binary.frameworks or {}).get(runtime.framework or "") if binary else None
    if have is None or runtime.version is None or parts(runtime.version)[:1] != parts(have)[:1]:
        return None
    guaranteed = runtime.format in GUARANTEED
    text = f"made with {runtime.framework} {runtime.version}, the binary has {have}"
    if model_newer and newer(runtime.version, have):
        return ruling(Verdict.WARN if guaranteed else Verdict.BLOCK, f"It was {text}.")
    if not model_newer and newer(have, runtime.version):
        return None if guaranteed else ruling(Verdict.WARN, f"It was {text}.")
    return None


def r2_model_newer(case: Case) -> Iterator[Hit]:
    new, old = _sides(case)
    deploy, back = _minor(new, case.binary, True), _minor(old, case.binary, True)
    if deploy or back:
        yield Hit(
            "runtime",
            "The model is newer than the serving binary",
            deploy or PASS,
            back or PASS,
            _show(new),
            _show(old),
        )


def r3_binary_newer(case: Case) -> Iterator[Hit]:
    new, old = _sides(case)
    deploy, back = _minor(new, case.binary, False), _minor(old, case.binary, False)
    if deploy or back:
        yield Hit(
            "runtime",
            "The serving binary is newer than the model",
            deploy or PASS,
            back or PASS,
            _show(new),
            _show(old),
        )


def r4_ir_version(case: Case) -> Iterator[Hit]:
    limit = case.binary.max_ir_version if case.binary else None
    new, old = _sides(case)
    if limit is None:
        yield from _onnx_unsaid(
            case, "ONNX IR version", "max_ir_version", [r.ir_version is not None for r in (new, old)]
        )
        return
    over = [r.ir_version is not None and r.ir_version > limit for r in (new, old)]
    if any(over):
        texts = [str(r.ir_version) for r in (new, old)]
        rulings = [ruling(Verdict.BLOCK, f"The binary reads ONNX IR up to {limit}.") if o else PASS for o in over]
        yield Hit("runtime.ir_version", "The ONNX file is too new for the binary", rulings[0], rulings[1], *texts)


def _onnx_unsaid(case: Case, what: str, key: str, needed: list[bool]) -> Iterator[Hit]:
    """The file says what it needs, and the binary that was described does not say what it has."""
    if case.binary is None or not any(needed):
        return
    hit = unknown(
        f"The binary's {what} {'is' if key == 'max_ir_version' else 'are'} not known.",
        f"state `{key}` in the runtime file",
    )
    title = f"Whether the binary reads the model's {what} is not known"
    yield Hit(
        f"runtime.{key.removeprefix('max_').removesuffix('s')}",
        title,
        hit if needed[0] else PASS,
        hit if needed[1] else PASS,
    )


def r5_opset(case: Case) -> Iterator[Hit]:
    provided = case.binary.opsets if case.binary else None
    if provided is None:
        yield from _onnx_unsaid(case, "operator sets", "opsets", [bool(r.opsets) for r in _sides(case)])
        return
    over = []
    for runtime in _sides(case):
        bad = [f"{d or 'ai.onnx'} {v}" for d, v in runtime.opsets.items() if v > provided.get(d, -1)]
        over.append(ruling(Verdict.BLOCK, f"The binary lacks {', '.join(bad)}.") if bad else PASS)
    if blocks(*over):
        yield Hit("runtime.opset", "The binary lacks operators the model needs", over[0], over[1])


def _environment(runtime: Runtime, binary: Binary) -> Ruling | None:
    pickled = runtime.format not in NO_BYTECODE
    if runtime.format == "pickle" and (runtime.python is None or binary.python is None):
        who = "the model was made with" if runtime.python is None else "the binary runs"
        return unknown(f"Nobody says which Python {who}, and a pickle depends on it.", "state `python` on both sides")
    if runtime.python and binary.python and parts(runtime.python)[:2] != parts(binary.python)[:2]:
        why = f"It was made with Python {runtime.python}; the binary runs {binary.python}."
        return ruling(Verdict.BLOCK if pickled else Verdict.WARN, why)
    limit = binary.max_pickle_protocol
    if runtime.pickle_protocol is not None and limit is not None and runtime.pickle_protocol > limit:
        return ruling(Verdict.BLOCK, f"It needs pickle protocol {runtime.pickle_protocol}; the binary reads {limit}.")
    if runtime.cuda and (binary.cuda is None or newer(runtime.cuda, binary.cuda)):
        return ruling(Verdict.BLOCK, f"It needs CUDA {runtime.cuda}; the binary has {binary.cuda or 'none stated'}.")
    lacking = set(runtime.cpu_features) - set(binary.cpu_features or ())
    if binary.cpu_features is not None and lacking:
        return ruling(Verdict.BLOCK, f"The processor lacks {', '.join(sorted(lacking))}.")
    return None


def r6_environment(case: Case) -> Iterator[Hit]:
    if case.binary is None:
        return
    new, old = (_environment(r, case.binary) for r in _sides(case))
    if new or old:
        yield Hit("runtime.environment", "The binary's environment does not fit", new or PASS, old or PASS)


def r7_endpoints(case: Case) -> Iterator[Hit]:
    new, old = case.candidate.endpoints, case.current.endpoints
    if new is None or old is None:
        return
    gone, added = [e for e in old if e not in new], [e for e in new if e not in old]
    if gone or added:
        back = BLOCK if added and gone else (WARN if added else PASS)
        title = "The way callers ask changes"
        yield Hit("runtime.endpoints", title, BLOCK if gone else PASS, back, ", ".join(new), ", ".join(old))


def r8_new_model_old_binary(case: Case) -> Iterator[Hit]:
    yield from _skew(case, "new", "old", "The candidate does not run in the previous binary")


def r9_old_model_new_binary(case: Case) -> Iterator[Hit]:
    yield from _skew(case, "old", "new", "The version used now does not run in the new binary")


def _skew(case: Case, model: str, binary: str, title: str) -> Iterator[Hit]:
    for cell in skew_matrix(case.candidate, case.current, case.binary, case.previous_binary):
        if (cell.model, cell.binary) != (model, binary):
            continue
        if cell.verdict is Verdict.UNKNOWN and case.previous_binary is not None:
            hit = unknown(
                cell.why, "say what both versions need and both binaries have: `--runtime`, `--previous-runtime`"
            )
            yield Hit(f"skew.{model}-model.{binary}-binary", f"Not known: {title[0].lower()}{title[1:]}", hit, hit)
        if cell.verdict is Verdict.BLOCK:
            fix = f"roll model and binary back together, {'model' if model == 'new' else 'binary'} first"
            alone = "The binary" if model == "new" else "The model"
            why = f"{cell.why} {alone} cannot be rolled back alone."
            hit = Ruling(Verdict.WARN, why, fix, one_way=True)
            yield Hit(f"skew.{model}-model.{binary}-binary", title, hit, hit)


def r10_mixed_fleet(case: Case) -> Iterator[Hit]:
    replicas = case.operation.replica_binaries if case.operation else ()
    if len({b.name for b in replicas}) < 2:
        return
    rulings = []
    for signature in (case.candidate, case.current):
        bad = [
            (b.name, why)
            for b in replicas
            if (why := runs_in(signature, b)[1]) and runs_in(signature, b)[0] is Verdict.BLOCK
        ]
        rulings.append(ruling(Verdict.BLOCK, f"On {bad[0][0]}: {bad[0][1]}") if bad else WARN)
    yield Hit("runtime.replicas", "The replicas run different binaries", rulings[0], rulings[1])


def _digest(facts: ArtifactFacts | None) -> Ruling | None:
    if facts is None or facts.files_present is False:
        return None
    if facts.registry_digest and facts.computed_digest:
        if facts.registry_digest != facts.computed_digest:
            return ruling(Verdict.BLOCK, "The files are not the ones that were registered.", level=Level.INFERRED)
        return None
    missing = "registry records no digest" if not facts.registry_digest else "files were not read"
    return unknown(
        f"The {missing}, so nobody can say the files are the registered ones.", "record the digest at registration"
    )


def r15_digest(case: Case) -> Iterator[Hit]:
    new, old = _digest(case.new.artifact), _digest(case.old.artifact)
    if new or old:
        title = "The artifact is not what was registered" if blocks(new, old) else "The artifact cannot be verified"
        texts = [(f.computed_digest or "no digest") if f else "" for f in (case.new.artifact, case.old.artifact)]
        yield Hit("artifact.digest", title, new or PASS, old or PASS, *texts)


def r16_artifact_there(case: Case) -> Iterator[Hit]:
    rulings = []
    for who, facts in ((case.new_label, case.new.artifact), (case.old_label, case.old.artifact)):
        if facts is None or facts.files_present:
            rulings.append(None if facts is None else PASS)
        elif facts.files_present is False:
            rulings.append(ruling(Verdict.BLOCK, facts.reason or f"The files of {who} are gone.", level=Level.INFERRED))
        else:
            rulings.append(
                unknown(facts.reason or f"Nobody could look at the files of {who}.", "check the artifact store")
            )
    if any(r is not None and r is not PASS for r in rulings):
        title = (
            "The files of a version are gone"
            if blocks(rulings[0], rulings[1])
            else "Whether the files are there is not known"
        )
        yield Hit("artifact.files", title, rulings[0], rulings[1])
    if not case.has_current:
        hit = unknown("There is no earlier version to come back to.", "keep one known-good version loaded")
        yield Hit("rollback.target", "There is nothing to come back to", None, hit)


def r17_controller(case: Case) -> Iterator[Hit]:
    owner = case.operation.controller if case.operation else ""
    if owner:
        hit = ruling(Verdict.WARN, f"{owner} will put its own state back.", f"change it in {owner}, or hold it first")
        yield Hit("operation.controller", "A controller will undo this", hit, hit)
