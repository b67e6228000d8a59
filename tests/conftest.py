"""What Airflow reads from the environment must be set before anything imports it."""

from __future__ import annotations

import os
import tempfile

from hypothesis import HealthCheck, settings

_HOME = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "True"
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

# One running Airflow for all the tests that need it: two conftests that import its fixture would start two.
pytest_plugins = ["tests.airflow.fixtures", "tests.plugins.fixtures", "tests.fixtures"]

# Time says nothing on a busy machine; a failing example prints how to replay it. The suite plays the same examples each
# time, so that a red run says something of the change; `make search` plays others, and more of them.
_EVERYWHERE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("kling", _EVERYWHERE, derandomize=True)
settings.register_profile("search", _EVERYWHERE, max_examples=2000)
settings.load_profile("kling")
