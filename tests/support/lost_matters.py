"""A matter that was lost, what happened since, and its way back through the runbooks."""

from typing import Any

from muniment.domain.rows.matter_plan import BeforeImages, MatterPlan
from muniment.ports import utc_now
from muniment.runbooks.rows.plan_matter import MatterRequest, plan_matter
from muniment.runbooks.rows.restore_matter import restore_matter
from tests.support.matters import ENGINEER, World, approval, firm

GONE = """
UPDATE office.people SET now_on = NULL WHERE now_on = 1;
UPDATE office.matters SET root_folder = NULL WHERE id = 1;
UPDATE office.folders SET parent_id = NULL;
DELETE FROM office.attachments WHERE matter_id = 1;
DELETE FROM office.relations WHERE one_id = 1;
DELETE FROM office.relations WHERE other_id = 3;
DELETE FROM office.entries WHERE transfer_id = 1;
DELETE FROM office.accounts WHERE matter_id = 1;
DELETE FROM office.papers WHERE matter_no = 'M-1';
DELETE FROM office.matters WHERE parent_id = 1;
DELETE FROM office.matters WHERE id = 1;
DELETE FROM office.clients WHERE id = 1;
"""


def planned(world: World, matter: str = "M-1", **asked: Any) -> MatterPlan:
    policy = asked.pop("policy", {})
    request = MatterRequest(matter, ENGINEER, **asked)
    return plan_matter(firm(**policy), request, staged=world.staged, live=world.live, clock=utc_now)


def restored(world: World, plan: MatterPlan, **policy: Any) -> BeforeImages:
    kept: list[BeforeImages] = []
    found = restore_matter(
        firm(**policy), plan, approval=approval(plan), staged=world.staged, live=world.live, keep=kept.append
    )
    assert kept == [found]
    return found


LIVED = """
UPDATE office.notes SET body = 'rewritten', facts = '{}' WHERE (matter_id, no) = (1, 1);
DELETE FROM office.notes WHERE (matter_id, no) = (1, 10);
INSERT INTO office.notes (matter_id, no, written_at) VALUES (1, 11, now());
INSERT INTO office.attachments VALUES ('new', 1, 11);
UPDATE office.attachments SET matter_id = 2, note_no = 1 WHERE path = '../../etc/passwd';
UPDATE office.folders SET matter_id = 1 WHERE id = 20;
UPDATE office.people SET now_on = NULL;
"""
