"""``python -m airflow_provider_kling.emulator`` is ``kling-emulator``."""

from __future__ import annotations

from airflow_provider_kling.emulator.cli import main

raise SystemExit(main())
