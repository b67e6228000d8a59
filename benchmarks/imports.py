"""What importing a provider costs every worker, triggerer and DAG parse, beyond Airflow itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from statistics import median

from benchmarks import environment
from benchmarks.numbers import times
from benchmarks.places import ROOT
from benchmarks.report import Section, Table, Target

OURS = "kling: operators and sensors"
EVERY = "kling: operators of all capabilities"
TRIGGERS = "kling: triggers, as the triggerer imports them"
REFERENCE = "common-ai: `operators.llm_batch`"
MODULES = {
    OURS: [f"airflow_provider_kling.{name}.kling" for name in ("operators", "sensors")],
    EVERY: [f"airflow_provider_kling.operators.{name}" for name in ("kling", "image", "video", "audio")],
    TRIGGERS: [f"airflow_provider_kling.triggers.{name}" for name in ("kling", "batch")],
    REFERENCE: ["airflow.providers.common.ai.operators.llm_batch"],
    "dbt-cloud: `operators.dbt`": ["airflow.providers.dbt.cloud.operators.dbt"],
    "databricks: `operators.databricks`": ["airflow.providers.databricks.operators.databricks"],
    "openai: `operators.openai`": ["airflow.providers.openai.operators.openai"],
}

SCRIPT = """
import importlib, json, sys, time
import airflow.sdk
before, begin = len(sys.modules), time.perf_counter()
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps([time.perf_counter() - begin, len(sys.modules) - before]))
"""


def run(quick: bool) -> Section:
    """Import each provider in fresh interpreters, in turn."""
    rounds = 3 if quick else 11
    seconds: dict[str, list[float]] = {name: [] for name in MODULES}
    modules: dict[str, int] = {}
    # The first round compiles and warms the disk's cache.
    for number in range(rounds + 1):
        for name, wanted in MODULES.items():
            took, modules[name] = _import(wanted)
            if number:
                seconds[name].append(took)
    typical = {name: median(values) for name, values in seconds.items()}
    rows = [
        [
            name,
            f"{typical[name] * 1000:.0f} ms",
            f"{min(seconds[name]) * 1000:.0f} ms",
            str(modules[name]),
            times(typical[name], typical[OURS]),
        ]
        for name in MODULES
    ]
    ours, every, reference = (typical[name] * 1000 for name in (OURS, EVERY, REFERENCE))
    return Section(
        title="Import cost",
        method=(
            f"Time and modules beyond `import airflow.sdk`, in fresh interpreters, {rounds} rounds in turn. Ours are "
            "two and four modules, the peers' one each. Most of what triggers take is `airflow.triggers.base`, "
            "which no DAG file of ours imports."
        ),
        targets=[
            Target(
                "import of operators and sensors",
                "not above common-ai's `operators.llm_batch`",
                f"{ours:.0f} ms against {reference:.0f} ms ({times(ours, reference)})",
                ours <= reference,
            ),
            Target(
                "import of the operators of all capabilities",
                "not above common-ai's `operators.llm_batch`",
                f"{every:.0f} ms against {reference:.0f} ms ({times(every, reference)})",
                every <= reference,
            ),
        ],
        parts=[Table(["module", "median", "least", "modules", "time against ours"], rows)],
    )


def _import(names: Sequence[str]) -> tuple[float, int]:
    done = subprocess.run(
        [environment.PYTHON, "-c", SCRIPT, *names],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment.variables(),
    )
    took, modules = json.loads(done.stdout.splitlines()[-1])
    return took, modules
