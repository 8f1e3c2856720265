"""The review bench and the lead's page."""

from __future__ import annotations

from pathlib import Path

from mlcontrol.core.review.campaign import Standing
from mlcontrol.engine import messages as m
from mlcontrol.engine.desks.table import Lane, Services, Table
from mlcontrol.services.context import Tell


def _may_judge(s: Services) -> None:
    # With a kit judgements are kept here first, whatever the team's store does.
    if s.reviews.kit is None:
        s.may_write()


def _next_item(s: Services, c: m.NextReviewItem, _tell: Tell) -> m.Event:
    _may_judge(s)
    item, why = s.reviews.next_item(c.service, c.rater, c.not_items, c.campaign)
    return m.ReviewItemAnswer(request=c.request, item=item, why=why)


def _judge(s: Services, c: m.Judge, _tell: Tell) -> m.Event:
    _may_judge(s)
    judgement = s.reviews.judge(
        c.item,
        c.service,
        c.rater,
        c.verdict,
        c.correct,
        c.comment,
        c.flagged,
        label=c.label,
        judgement_id=c.id,
        tags=c.tags,
        scales=c.scales,
        spent_s=c.spent_s,
    )
    quick = judgement.campaign.startswith("quick-")
    scores = s.reviews.scores(judgement.service) if quick and s.reviews.kit is None else ()
    enough = "" if quick else s.reviews.enough(judgement)
    explained = s.reviews.explained(judgement)
    return m.JudgementStored(request=c.request, judgement=judgement, scores=scores, explained=explained, enough=enough)


def _undo(s: Services, c: m.UndoJudgement, _tell: Tell) -> m.Event:
    _may_judge(s)
    undone = s.reviews.undo(c.service, c.rater, c.campaign)
    if undone is None:
        return m.ReviewItemAnswer(request=c.request, item=None, why="There is nothing to undo.")
    item, beside = undone
    return m.ReviewItemAnswer(request=c.request, item=item, beside=beside)


def _keep(s: Services, c: m.KeepReviewItems, _tell: Tell) -> m.Event:
    kit = s.reviews.kit
    gone = s.reviews.keep(c.rater, c.items)
    if kit is None:
        return m.ReviewItemsKept(request=c.request, gone=gone)
    unsent = len(kit.local.said.unsent(1000))
    return m.ReviewItemsKept(request=c.request, gone=gone, unsent=unsent, offline=kit.offline, told=kit.told())


def _release(s: Services, c: m.ReleaseReviewItems, _tell: Tell) -> m.Event:
    s.reviews.release(c.rater, c.items)
    return m.Done(request=c.request)


def _draft(s: Services, c: m.SaveReviewDraft, _tell: Tell) -> m.Event:
    _may_judge(s)
    s.reviews.save_draft(c.item, c.rater, c.text)
    return m.Done(request=c.request)


def _golden(s: Services, c: m.MakeGoldenItem, _tell: Tell) -> m.Event:
    s.may_write()
    return m.Done(request=c.request, text=s.reviews.make_golden(c.item, c.rater, c.correct, critical=c.critical))


def _sitting(s: Services, c: m.QuerySitting, _tell: Tell) -> m.Event:
    return m.SittingAnswer(request=c.request, sitting=s.reviews.sitting(c.rater, c.campaign, c.service))


def _scores(s: Services, c: m.QueryScores, _tell: Tell) -> m.Event:
    scores, feedback = s.reviews.scores(c.service), s.reviews.feedback(c.service)
    return m.ScoresAnswer(request=c.request, service=c.service, scores=scores, feedback=feedback)


def _campaigns(s: Services, c: m.QueryCampaigns, _tell: Tell) -> m.Event:
    return m.CampaignsAnswer(request=c.request, campaigns=s.campaigns.all(c.service, c.rater))


def _start(s: Services, c: m.StartCampaign, tell: Tell) -> m.Event:
    s.may_write()
    return m.CampaignsAnswer(request=c.request, campaigns=(s.campaigns.start(c.campaign, c.actor, tell),))


def _import(s: Services, c: m.ImportReviews, _tell: Tell) -> m.Event:
    s.may_write()
    summary = s.campaigns.take_in(Path(c.path), c.service, c.title, c.actor, c.campaign)
    return m.CampaignsAnswer(request=c.request, campaigns=(summary,))


def _stand(s: Services, c: m.SetCampaignStanding, _tell: Tell) -> m.Event:
    s.may_write()
    return m.CampaignsAnswer(request=c.request, campaigns=(s.campaigns.stand(c.campaign, c.standing, c.actor),))


def _findings(s: Services, c: m.QueryFindings, _tell: Tell) -> m.Event:
    summary = s.campaigns.summary(c.campaign)
    blind = summary.campaign.standing is not Standing.UNBLINDED
    return m.FindingsAnswer(request=c.request, campaign=summary, findings=s.campaigns.findings(c.campaign), blind=blind)


def _item(s: Services, c: m.QueryReviewItem, _tell: Tell) -> m.Event:
    return m.ReviewItemAnswer(request=c.request, item=s.campaigns.item(c.item))


def _adjudicate(s: Services, c: m.Adjudicate, _tell: Tell) -> m.Event:
    s.may_write()
    stored = s.campaigns.adjudicate(c.item, c.label, c.actor, c.correct, c.comment)
    return m.JudgementStored(request=c.request, judgement=stored, scores=())


def _withdraw(s: Services, c: m.WithdrawReviewItem, _tell: Tell) -> m.Event:
    s.may_write()
    s.campaigns.withdraw_item(c.item, c.reason, c.actor)
    return m.Done(request=c.request, text="It is out of the queue.")


def _export(s: Services, c: m.ExportReviews, _tell: Tell) -> m.Event:
    count = s.campaigns.export(Path(c.path), c.campaign, c.service, everything=c.everything)
    return m.Done(request=c.request, text=str(count))


def _feedback(s: Services, c: m.ImportFeedback, _tell: Tell) -> m.Event:
    s.may_write()
    added, bad = s.campaigns.take_feedback(c.service, Path(c.path))
    return m.Done(request=c.request, text=f"{added} {bad}")


def _write_back(s: Services, c: m.WriteBackAssessments, _tell: Tell) -> m.Event:
    s.may_write()
    written, already = s.campaigns.write_back(c.campaign)
    return m.Done(request=c.request, text=f"{written} written, {already} there already")


TABLE: Table = {
    m.NextReviewItem: (Lane.QUICK, _next_item),
    m.Judge: (Lane.QUICK, _judge),
    m.UndoJudgement: (Lane.QUICK, _undo),
    m.KeepReviewItems: (Lane.QUICK, _keep),
    m.ReleaseReviewItems: (Lane.QUICK, _release),
    m.SaveReviewDraft: (Lane.QUICK, _draft),
    m.MakeGoldenItem: (Lane.QUICK, _golden),
    m.QuerySitting: (Lane.QUICK, _sitting),
    m.QueryScores: (Lane.QUICK, _scores),
    m.QueryCampaigns: (Lane.SLOW, _campaigns),
    m.StartCampaign: (Lane.SLOW, _start),
    m.ImportReviews: (Lane.SLOW, _import),
    m.SetCampaignStanding: (Lane.SLOW, _stand),
    m.QueryFindings: (Lane.SLOW, _findings),
    m.QueryReviewItem: (Lane.QUICK, _item),
    m.Adjudicate: (Lane.QUICK, _adjudicate),
    m.WithdrawReviewItem: (Lane.QUICK, _withdraw),
    m.ExportReviews: (Lane.SLOW, _export),
    m.ImportFeedback: (Lane.SLOW, _feedback),
    m.WriteBackAssessments: (Lane.SLOW, _write_back),
}
