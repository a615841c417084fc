"""What import-linter cannot see: a runbook that speaks SQL through an adapter's connection, or forks through ``os``."""

import ast
from collections.abc import Iterator

import pytest

from tests.fixtures.clusters import ROOT

ASKS_A_SERVER = frozenset(
    {"execute", "executemany", "cursor", "copy_expert", "row", "connect", "replication_connection"}
)
STEERS_PROCESSES = frozenset({"os.fork", "os.forkpty", "os.kill", "os.killpg", "os.system", "os.popen"})
PRODUCT = ROOT / "include" / "muniment"


def calls(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func)
            if node.func.attr in ASKS_A_SERVER or name in STEERS_PROCESSES:
                yield f"line {node.lineno}: {name}"


@pytest.mark.parametrize("layer", ["cli", "domain", "registry", "runbooks"])
def test_a_layer_leaves_sql_and_processes_to_the_adapters(layer: str) -> None:
    sources = sorted((PRODUCT / layer).rglob("*.py"))
    assert len(sources) > 3
    found = {str(path.relative_to(PRODUCT)): list(calls(path.read_text())) for path in sources}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_rule_is_seen_where_it_is_broken() -> None:
    broken = "with server.connect() as c:\n    c.execute('SELECT 1')\nos.kill(1, 9)"
    assert sorted(calls(broken)) == ["line 1: server.connect", "line 2: c.execute", "line 3: os.kill"]
