"""What check says of names that the database has, and that the role of the backup may not read."""

import pytest

from muniment.domain.finding import Severity
from muniment.domain.firm.named import FoundTable, NamedTable, Names, name_findings
from muniment.domain.sql_names import TableName

TABLE = TableName("practice", "settings")


@pytest.mark.parametrize(("is_total", "severity"), [(True, "stop"), (False, "warning")])
def test_a_settings_table_that_may_not_be_read_costs_no_night(is_total: bool, severity: Severity) -> None:
    """As one that is not there: the point then lacks it, and says so."""
    found = FoundTable({}, is_readable=False, is_unlogged=False, hides_rows=False)
    names = Names("practice", "muniment", (TABLE,), {TABLE: found}, {})
    named = NamedTable("configuration.tables[0]", TABLE, is_read=True, is_total=is_total)
    (finding,) = name_findings([named], (), names)
    assert finding.what == "role muniment may not read practice.settings in database practice"
    assert finding.severity == severity
