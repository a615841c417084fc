"""The tab beside a DAG and its runs: it leads to the firm that the DAG is of, or to the fleet."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from muniment.domain.firm.dag_names import firm_of_dag
from muniment_airflow.recovery_page.visit import Visited, page

router = APIRouter()


@page(router, "/dag/{dag_id}")
@page(router, "/dag/{dag_id}/run/{run_id:path}")
def beside_dag(dag_id: str, visit: Visited) -> Response:
    firm = firm_of_dag(dag_id)
    if firm is None:
        return RedirectResponse(visit.frame.page(), HTTPStatus.SEE_OTHER)
    visit.require(firm)
    return RedirectResponse(visit.frame.page("firm", firm), HTTPStatus.SEE_OTHER)
