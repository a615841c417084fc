"""What the DAG files cost Airflow: seconds and memory for 100 and 1,000 firms, and what one task pays at its start."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from muniment.domain.firm.schedule import shard_of
from tests.fixtures.clusters import ROOT
from tests.registry.conftest import Files, firm_values

FIRMS = (100, 1000)
A_FIRM = "firm-0007"
SHARDS = len(list((ROOT / "dags").glob("firms_*.py")))
# Each in a process of its own, as Airflow does it; what Airflow itself costs to import is not counted.
PARSE = """
import json, resource, sys, time
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
import airflow.providers.amazon.aws.hooks.s3
def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, files, stored, dags = memory(), [], [], 0
for file in sorted(Path(sys.argv[1]).glob(sys.argv[2])):
    begun = time.process_time()
    bag = DagBag(file)
    assert not bag.import_errors, bag.import_errors
    files.append(time.process_time() - begun)
    size = [len(json.dumps(DagSerialization.to_dict(dag))) for dag in bag.dags.values()]
    stored.append(time.process_time() - begun)
    dags += len(bag.dags)
print("MEASURED", json.dumps({"dags": dags, "parse_s": sum(files), "worst_s": max(stored), "all_s": sum(stored),
    "memory_mib": memory() - before}))
"""


def run(console: Console) -> None:
    table = Table(title="DAG files, CPU seconds")
    for column in ("firms", "DAGs", "build all", "and serialize", "slowest file", "memory", "one task's parse"):
        table.add_column(column, justify="right")
    for count in FIRMS:
        with tempfile.TemporaryDirectory() as folder:
            table.add_row(f"{count:,}", *_row(_registry(Path(folder), count), Path(folder)))
    console.print(table)


def _row(registry: Path, folder: Path) -> list[str]:
    whole = _measure(registry, folder, "*.py")
    task = _measure(registry, folder, f"firms_{shard_of(A_FIRM, SHARDS)}.py", task_of=f"{A_FIRM}__backup")
    assert task["dags"] == 1
    return [
        f"{whole['dags']:,}",
        f"{whole['parse_s']:.2f} s",
        f"{whole['all_s']:.2f} s",
        f"{whole['worst_s']:.2f} s",
        f"{whole['memory_mib']:.0f} MiB",
        f"{task['parse_s'] * 1000:.0f} ms",
    ]


def _registry(folder: Path, count: int) -> Path:
    files = Files(folder / "registry")
    for number in range(count):
        firm_id = f"firm-{number:04d}"
        files.write(f"firms/{firm_id}.yaml", firm_values(firm_id, number * 1000 + 7))
    (files.root / "firms" / "acme.yaml").unlink()
    return files.root


def _measure(registry: Path, folder: Path, pattern: str, task_of: str | None = None) -> dict[str, Any]:
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "0",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}",
        "MUNIMENT_REGISTRY": str(registry),
    }
    if task_of:
        env["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = task_of
    command = [sys.executable, "-c", PARSE, str(ROOT / "dags"), pattern]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=900)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("MEASURED ")]
    measured: dict[str, Any] = json.loads(line.removeprefix("MEASURED "))
    return measured
