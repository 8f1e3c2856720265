"""`mlcontrol review`: the bench alone; with a word after it, review queues without a window."""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from typing import Any

from mlcontrol.cli.exit_codes import BLOCKED, CANNOT_RUN, DONE, UNKNOWN
from mlcontrol.cli.output import jsonable, put_json, put_table, say, utc
from mlcontrol.cli.review_arguments import add_parser as add_parser, campaign_of, scales_of, words
from mlcontrol.cli.session import Session, actor
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.review.campaign import Standing, overdue
from mlcontrol.core.review.judging import JudgementVerdict
from mlcontrol.core.review.sitting import CampaignSummary
from mlcontrol.engine import messages as m
from mlcontrol.engine.hosts import new_request

SCORE_SCHEMA = "mlcontrol.scores/1"


def run(args: argparse.Namespace) -> int:
    if args.what is None:
        return _open_bench(args)
    with Session(args.workspace) as session:
        doing = {
            "import": _import,
            "campaigns": _campaigns,
            "judge": _judge,
            "score": _score,
            "export": _export,
        }
        return doing[args.what](session, args)


def _open_bench(args: argparse.Namespace) -> int:
    from mlcontrol.cli.display import require_display, require_qt
    from mlcontrol.cli.session import workspace_of

    workspace = workspace_of(args.workspace)
    require_qt()
    require_display()
    from mlcontrol.gui.app import main as open_window

    return int(open_window([], workspace=workspace, alone="reviews"))


def _import(session: Session, args: argparse.Namespace) -> int:
    path = args.file.expanduser().resolve()
    if not path.is_file():
        raise ProblemError(Problem(f"There is no file {args.file}.", code="usage"))
    if args.feedback:
        done = session.ask(m.ImportFeedback(request=new_request(), service=args.service, path=str(path)), 600.0)
        assert isinstance(done, m.Done)
        added, bad = (int(word) for word in done.text.split())
        if args.format == "json":
            put_json(
                {
                    "schema": "mlcontrol.review.import/1",
                    "service": args.service,
                    "feedback": added,
                    "not_understood": bad,
                }
            )
        else:
            print(f"{added} new; {bad} not understood.")
        return DONE if not bad else BLOCKED
    command = m.ImportReviews(
        request=new_request(), path=str(path), service=args.service, actor=actor(), title=args.title,
        campaign=args.campaign,
    )  # fmt: skip
    made = session.ask(command, 600.0)
    assert isinstance(made, m.CampaignsAnswer)
    summary = made.campaigns[0]
    if args.format == "json":
        put_json(
            {
                "schema": "mlcontrol.review.import/1",
                "service": args.service,
                "campaign": summary.campaign.id,
                "items": summary.items,
            }
        )
    else:
        print(f"{summary.campaign.id}: {summary.items} items to judge.")
    return DONE


def _campaigns(session: Session, args: argparse.Namespace) -> int:
    command: Any = m.QueryCampaigns(request=new_request(), service=args.service)
    standing = {
        "open": Standing.OPEN,
        "pause": Standing.PAUSED,
        "close": Standing.CLOSED,
        "unblind": Standing.UNBLINDED,
    }
    chosen = next(((args.__dict__[word], to) for word, to in standing.items() if args.__dict__[word]), None)
    if args.start:
        command = m.StartCampaign(request=new_request(), campaign=campaign_of(args), actor=actor())
    elif chosen is not None:
        command = m.SetCampaignStanding(request=new_request(), campaign=chosen[0], standing=chosen[1], actor=actor())
    answer = session.ask(command, 600.0)
    assert isinstance(answer, m.CampaignsAnswer)
    if args.format == "json":
        put_json({"schema": "mlcontrol.review.campaigns/1", "campaigns": [_summary(s) for s in answer.campaigns]})
    elif answer.campaigns:
        put_table(
            ("ID", "SERVICE", "MODE", "STANDING", "ITEMS", "JUDGED", "DUE", "TITLE"),
            [
                (
                    s.campaign.id, s.campaign.service, s.campaign.mode.value, s.campaign.standing.value, str(s.items),
                    f"{s.given} of {s.wanted}", _due(s), s.campaign.title,
                )
                for s in answer.campaigns
            ],
        )  # fmt: skip
    else:
        say("There is no campaign yet. `mlcontrol review campaigns --service S --start TITLE` starts one.")
    return DONE if answer.campaigns else UNKNOWN


def _due(s: CampaignSummary) -> str:
    due = utc(s.campaign.due_s)
    return f"{due} OVERDUE" if overdue(s.campaign, time.time()) else due or "-"


def _summary(s: CampaignSummary) -> dict[str, Any]:
    c = s.campaign
    return {
        "id": c.id,
        "service": c.service,
        "title": c.title,
        "mode": c.mode.value,
        "standing": c.standing.value,
        "items": s.items,
        "judgements_wanted": s.wanted,
        "judgements_given": s.given,
        "held": s.held,
        "overlap": c.overlap,
        "versions": list(c.versions),
        "raters": list(c.raters),
        "labels": [{"key": one.key, "id": one.id, "text": one.text} for one in c.rubric.labels],
        "sampling": jsonable(c.sampling),
        "created_at": utc(c.created_s),
        "created_by": c.created_by,
        "scales": jsonable(c.rubric.scales),
        "tags": list(c.rubric.tags),
        "due_at": utc(c.due_s),
        "overdue": overdue(c, time.time()),
    }


def _judge(session: Session, args: argparse.Namespace) -> int:
    rater = args.rater or actor()
    if not args.campaign and not args.service:
        raise ProblemError(Problem("Judge what?", "", "Name --campaign, or --service for its standing queue.", "usage"))
    if args.item:
        if not args.label:
            raise ProblemError(Problem("A judgement needs a label.", "", "Give --label.", code="usage"))
        skipped = args.label == "skip"
        stored = session.ask(
            m.Judge(
                request=new_request(), item=args.item, service=args.service, rater=rater, campaign=args.campaign,
                verdict=JudgementVerdict.SKIPPED if skipped else JudgementVerdict.UNSURE,
                label="" if skipped else args.label, correct=args.correct, comment=args.comment,
                id=args.id or uuid.uuid4().hex, scales=scales_of(args.scale), tags=words(args.tags),
            )
        )  # fmt: skip
        assert isinstance(stored, m.JudgementStored)
        j = stored.judgement
        if args.format == "json":
            put_json(
                {
                    "schema": "mlcontrol.review.judgement/1", "id": j.id, "item": j.item, "campaign": j.campaign,
                    "rater": j.rater, "label": args.label, "verdict": j.verdict.value, "surplus": j.surplus,
                    "at": utc(j.at_s), "enough": stored.enough,
                }
            )  # fmt: skip
        else:
            print(f"Stored: {args.label}." + (f" {stored.enough}" if stored.enough else ""))
        return DONE
    if args.undo:
        command: Any = m.UndoJudgement(request=new_request(), service=args.service, rater=rater, campaign=args.campaign)
    else:
        command = m.NextReviewItem(request=new_request(), service=args.service, rater=rater, campaign=args.campaign)
    answer = session.ask(command)
    assert isinstance(answer, m.ReviewItemAnswer)
    item = answer.item
    if args.format == "json":
        shown = None if item is None else {
            "id": item.id, "campaign": item.campaign, "service": item.service, "inputs": item.inputs,
            "outputs": item.outputs, "outputs_b": item.outputs_b, "expected": item.expected, "slices": dict(item.slices),
            "position": item.position, "total": item.total,
        }  # fmt: skip
        put_json({"schema": "mlcontrol.review.item/1", "item": shown, "why": answer.why})
    elif item is None:
        say(answer.why)
    else:
        print(f"item {item.id} ({item.position} of {item.total})\ninputs  {item.inputs}\noutputs {item.outputs}")
        if item.outputs_b:
            print(f"other   {item.outputs_b}")
    return DONE if item is not None else UNKNOWN


def _score(session: Session, args: argparse.Namespace) -> int:
    if args.campaign:
        return _campaign_score(session, args)
    if not args.service:
        say("Score of what? Name a service, or --campaign.")
        return CANNOT_RUN
    answer = session.ask(m.QueryScores(request=new_request(), service=args.service))
    assert isinstance(answer, m.ScoresAnswer)
    if args.format == "json":
        put_json(
            {
                "schema": SCORE_SCHEMA, "service": args.service, "scores": jsonable(answer.scores),
                "feedback": jsonable(answer.feedback),
            }
        )  # fmt: skip
    elif answer.scores:
        put_table(
            ("VERSION", "JUDGED RIGHT", "95 % INTERVAL", "JUDGED"),
            [
                (
                    f"v{s.version}",
                    "?" if s.estimate is None else f"{s.estimate:.3f}",
                    f"{s.low:.3f} to {s.high:.3f}",
                    str(s.n),
                )
                for s in answer.scores
            ],
        )
    else:
        print("Nobody has judged a prediction of this service yet.")
    return DONE if answer.scores else UNKNOWN


def _campaign_score(session: Session, args: argparse.Namespace) -> int:
    answer = session.ask(m.QueryFindings(request=new_request(), campaign=args.campaign))
    assert isinstance(answer, m.FindingsAnswer)
    found = answer.findings
    if args.format == "json":
        body = jsonable(found)
        body.pop("campaign")
        put_json(
            {"schema": SCORE_SCHEMA, "service": answer.campaign.campaign.service, "campaign": args.campaign, **body}
        )
    else:
        print(f"{found.verdict.value}: {found.why}")
        if found.alpha is not None:
            print(f"agreement (Krippendorff's alpha) {found.alpha:.3f}")
        elif found.judgements:
            print("agreement undefined: too few items with two judgements, or one label only")
        if found.quality:
            put_table(
                ("VERSION", "SLICE", "JUDGED RIGHT", "95 % INTERVAL", "JUDGED", "DESIGN"),
                [
                    (
                        f"v{q.version}", q.slice or "all",
                        "?" if q.estimate.value is None else f"{q.estimate.value:.3f}",
                        f"{q.estimate.low:.3f} to {q.estimate.high:.3f}", str(q.estimate.n), q.estimate.design,
                    )
                    for q in found.quality
                ],
            )  # fmt: skip
    return DONE if found.judgements else UNKNOWN


def _export(session: Session, args: argparse.Namespace) -> int:
    if not args.campaign and not args.service:
        raise ProblemError(Problem("Export what?", "", "Name --campaign or --service.", code="usage"))
    to_stdout = str(args.file) == "-"
    path = (
        session.workspace.parent / f".export-{uuid.uuid4().hex}.jsonl"
        if to_stdout
        else args.file.expanduser().resolve()
    )
    command = m.ExportReviews(
        request=new_request(), path=str(path), campaign=args.campaign, service=args.service, everything=args.all
    )
    try:
        done = session.ask(command, 600.0)
        assert isinstance(done, m.Done)
        count = int(done.text)
        if to_stdout:
            with path.open(encoding="utf-8") as file:
                sys.stdout.writelines(file)
    finally:
        if to_stdout:
            path.unlink(missing_ok=True)
    written = ""
    if args.write_back:
        answer = session.ask(m.WriteBackAssessments(request=new_request(), campaign=args.campaign), 600.0)
        assert isinstance(answer, m.Done)
        written = answer.text
    if to_stdout:
        say(f"{count} examples.")
    elif args.format == "json":
        put_json({"schema": "mlcontrol.review.export/1", "file": str(path), "examples": count, "assessments": written})
    else:
        print(f"{count} examples in {path}." + (f" Assessments: {written}." if written else ""))
    return DONE if count else UNKNOWN
