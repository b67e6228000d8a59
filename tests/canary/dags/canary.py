"""The DAGs of a plan: one for each hostile server, with a task for each cell. A slice has all in one."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from tests.canary import short_pauses
from tests.canary.cells import Cell
from tests.canary.ways import Pace, make

PLAN = json.loads(Path(os.environ["CANARY_PLAN"]).read_text("utf-8"))

if PLAN["longest_pause"]:
    short_pauses.begin(PLAN["longest_pause"])

# A task needs its own DAG alone.
only = get_parsing_context().dag_id
for dag_id, cells in PLAN["dags"].items():
    if only not in (None, dag_id):
        continue
    with DAG(dag_id=dag_id, start_date=datetime(2026, 1, 1), schedule=None, max_active_tasks=32) as dag:
        for cell in cells:
            make(Cell(*cell), Pace(**PLAN["pace"]), PLAN["output"])
    globals()[dag_id] = dag
