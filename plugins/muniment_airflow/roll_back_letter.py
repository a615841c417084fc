"""A restore that was live was undone on the cluster's host: the firm's contact is told from here.

The host writes the record into the vaults (runbooks/cut_over/record_roll_back.py); the notifiers are Airflow's.
"""

from typing import TYPE_CHECKING

from muniment.adapters.restore.records import untold, write_told
from muniment.domain.chain_steps import TELL_CONTACT
from muniment.domain.recovery.roll_back import RolledBack
from muniment.domain.restore.record import ContactTold
from muniment.errors import ContactNotTold
from muniment.ports import utc_now
from muniment_airflow.notifiers import Letter, tell_one_of
from muniment_airflow.on_call import NobodyToldError

if TYPE_CHECKING:
    from muniment.adapters.site.site import Site
    from muniment.domain.firm.firm import Firm
    from muniment_airflow.operators import Night


def tell_of_roll_backs(site: "Site", night: "Night") -> None:
    """Each once. Raises ``ContactNotTold``: then it is tried again."""
    for record in untold(site.primary):
        contact = _tell(record, site.firm, night)
        told = ContactTold(id=record.id, firm=record.firm, contact=contact, at=utc_now())
        write_told(site, told, locked_until=utc_now() + site.policy.audit_log)
        night.progress.note(f"restore {record.id} was undone: {contact}")


def _tell(record: RolledBack, firm: "Firm", night: "Night") -> str:
    name = firm.contact.name or "contact"
    if not firm.contact.told_by:
        return f"{name}: nobody was told, the firm's file names no contact.told_by"
    letter = Letter(TELL_CONTACT, f"{firm.name}: the restore of your data was undone", _letter(record, firm))
    try:
        return f"{name}: {tell_one_of(firm.contact.told_by, letter, night.context, firm)}"
    except NobodyToldError as error:
        raise ContactNotTold(firm=firm.id, restore=record.id, reason=error, contact=name) from error


def _letter(record: RolledBack, firm: "Firm") -> str:
    live_at = next((step.ended_at for step in record.steps if step.name == "start" and step.ended_at), None)
    since = f"from {live_at:%Y-%m-%d %H:%M} UTC" if live_at else "before"
    at = f"{record.ended_at:%Y-%m-%d %H:%M} UTC"
    return (
        f"Dear {firm.contact.name or firm.name},\n\n"
        f"we had replaced the database of {firm.name} by a restore from our backups. At {at} this was undone:\n"
        "the database is again the one that served before the restore, as it was then.\n"
        f"What was entered {since} until {at} is not in it. The restored database, which has it, is kept.\n\n"
        f"Why: {record.why}\n"
        f"Reference: restore {record.id}.\n"
    )
