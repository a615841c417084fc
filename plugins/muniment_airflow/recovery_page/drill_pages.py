"""One drill: its evidence as the vaults have it now, with its proof checked, and the files as they are kept."""

from fastapi import APIRouter
from starlette.responses import Response

from muniment.domain.fleet.drill_view import drill_view
from muniment.domain.fleet.kept_evidence import ENDINGS, EVIDENCE_CSP, KeptEvidence, is_drill_id
from muniment_airflow.recovery_page.firm_pages import picture_of
from muniment_airflow.recovery_page.visit import Visit, Visited, missing, page

router = APIRouter()
_TYPES = {"html": "text/html; charset=utf-8", "pdf": "application/pdf", "json": "application/json"}


@page(router, "/firm/{firm}/drill/{drill}")
def one_drill(firm: str, drill: str, visit: Visited) -> Response:
    picture = picture_of(firm, visit)
    evidence = _evidence(firm, drill, visit)
    view = drill_view(picture, evidence, visit.now)
    if not evidence.is_known and view.seen is None:
        raise missing()
    return visit.show("drill.html", view=view)


@page(router, "/firm/{firm}/drill/{drill}/evidence.{ending}")
def kept_file(firm: str, drill: str, ending: str, visit: Visited) -> Response:
    """Byte for byte. The page is shown without what it could run; the others are saved."""
    picture_of(firm, visit)
    shown = _evidence(firm, drill, visit).shown
    wanted = next((each for each in ENDINGS if each == ending), None)
    content = shown.files.get(wanted) if shown and wanted else None
    if content is None:
        raise missing()
    name = f"drill-{firm}-{drill}.{ending}"
    own = {"Content-Security-Policy": EVIDENCE_CSP, "Content-Type": _TYPES[ending]}
    if ending != "html":
        own["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(content, headers=own)


def _evidence(firm: str, drill: str, visit: Visit) -> KeptEvidence:
    """Raises ``HTTPException``. Asked anew each time: what is kept is how to ask, and not the megabytes of evidence."""
    if not is_drill_id(drill):
        raise missing()
    ask = visit.ask("evidence", lambda reader: reader.evidence)
    evidence = ask(firm, drill)
    if evidence is None:
        raise missing()
    return evidence
