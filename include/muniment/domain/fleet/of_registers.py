"""A register, as a firm's history has it: what the page draws, and nothing else of it."""

from muniment.domain.acts.act import Act, Ended
from muniment.domain.drill.evidence import BegunDrill, Drill, RestoreFigures
from muniment.domain.drill.sign_off import SignOff
from muniment.domain.fleet.history import ActSeen, DrillSeen, NightSeen, RestoreSeen
from muniment.domain.restore.record import RestoreRecord
from muniment.domain.vault.incomplete import SAID_AT_MOST
from muniment.domain.vault.registers import Point


def night_seen(point: Point, *, in_replica: bool) -> NightSeen:
    changes = point.document_changes
    return NightSeen(
        point=point.id,
        taken_at=point.taken_at,
        began_at=point.began_at,
        registered_at=point.registered_at,
        kind=point.kind,
        chain_length=len(point.chain),
        timeline=point.wal.timeline,
        lsn=point.control_totals.lsn,
        first_segment=point.wal.first_segment,
        size_bytes=point.size_bytes,
        stored_bytes=point.stored_bytes,
        effective_rpo_s=point.effective_rpo_s,
        documents=point.document_count,
        document_bytes=point.document_bytes,
        overwritten=changes.overwritten if changes else None,
        vanished=changes.vanished if changes else None,
        added=_added(point),
        verified_primary_at=point.verified_primary_at,
        verified_replica_at=point.verified_replica_at,
        in_replica=in_replica,
        is_damaged=point.is_damaged,
        lacks=tuple(point.incomplete.lines(SAID_AT_MOST)) if point.incomplete else (),
        system_identifier=point.system_identifier,
        chain=point.chain,
        windows=point.windows,
        new_holes=point.new_holes,
    )


def _added(point: Point) -> int | None:
    """What is there now, less what is left of the night before. One that has another key by now is not a new one."""
    changes = point.document_changes
    return max(0, point.document_count - changes.before + changes.vanished) if changes else None


def drill_seen(drill: Drill) -> DrillSeen:
    return DrillSeen(
        id=drill.id,
        number=drill.number,
        side=drill.side,
        by=drill.by,
        started_at=drill.started_at,
        finished_at=drill.finished_at,
        passed=drill.passed,
        target=str(drill.target) if drill.target else None,
        recover_s=drill.recover_s,
        data_lost_s=drill.data_lost_s,
        rto_s=drill.rto_s,
        rpo_s=drill.rpo_s,
        checks=len(drill.checks),
        checks_passed=len(drill.passed_checks),
        failed=tuple(check.name for check in drill.failed_checks),
        failure=drill.failure,
        **_figures(drill.figures),
    )


def _figures(figures: RestoreFigures | None) -> dict[str, float | int]:
    kept = {"base_stored_bytes", "base_s", "wal_segments", "wal_s", "replay_s"}
    return figures.model_dump(include=kept) if figures else {}


def begun_seen(begun: BegunDrill, *, did_not_finish: bool) -> DrillSeen:
    return DrillSeen(
        id=begun.id,
        number=begun.number,
        side=begun.side,
        by=begun.by,
        started_at=begun.started_at,
        did_not_finish=did_not_finish,
    )


def signed(drill: DrillSeen, sign_off: SignOff) -> DrillSeen:
    return drill.model_copy(update={"signed_off_by": sign_off.by, "signed_off_at": sign_off.signed_at})


def restore_seen(record: RestoreRecord, *, was_rolled_back: bool) -> RestoreSeen:
    return RestoreSeen(
        id=record.id,
        run=record.run,
        where=record.where,
        target=record.plan.target if record.plan else None,
        asked_by=record.asked_by,
        asked_at=record.asked_at,
        approved_by=record.approval.by if record.approval else None,
        not_approved=record.not_approved,
        end=record.end,
        reached_at=record.reached_at,
        failure=record.failure,
        finished_at=record.finished_at,
        was_rolled_back=was_rolled_back,
    )


def act_seen(act: Act, ended: Ended) -> ActSeen:
    begun = act.begun
    return ActSeen(
        id=begun.id,
        kind=begun.act,
        what=begun.what,
        by=begun.by,
        asked_by=begun.asked_by,
        approved_by=begun.approval.by if begun.approval else None,
        began_at=begun.began_at,
        ended=ended,
        ended_at=act.ended.ended_at if act.ended else None,
    )
