"""The tab beside a DAG and its runs: it leads to the firm that the DAG is of, or to the fleet."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from muniment.domain.firm.dag_names import firm_of_dag
from muniment_airflow.recovery_page.visit import Visit, visit

router = APIRouter()


@router.api_route("/dag/{dag_id}", methods=["GET", "HEAD"])
@router.api_route("/dag/{dag_id}/run/{run_id:path}", methods=["GET", "HEAD"])
def beside_dag(dag_id: str, visit: Annotated[Visit, Depends(visit)]) -> Response:
    firm = firm_of_dag(dag_id)
    if firm is None:
        return RedirectResponse(visit.frame().page(), HTTPStatus.SEE_OTHER)
    if not visit.may_see(firm):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return RedirectResponse(visit.frame().page("firm", firm), HTTPStatus.SEE_OTHER)
