"""A process that the tests kill: stages one plan. ``python -m tests.faults.stager FIRM.pickle PLAN.json``"""

import pickle
import sys
from pathlib import Path

from muniment.adapters.site.site import build_site
from muniment.domain.restore.plan import RestorePlan
from muniment.ports import utc_now
from muniment.runbooks.staging.stage_restore import stage_restore


def main() -> None:
    firm, postgres, aws = pickle.loads(Path(sys.argv[1]).read_bytes())
    site = build_site(firm, postgres.conninfo(), aws.clients())
    plan = RestorePlan.from_json(Path(sys.argv[2]).read_bytes())
    stage_restore(site.primary, site.firm, plan, clock=utc_now)


if __name__ == "__main__":
    main()
