"""The Kling API as data and pure functions: no Airflow, no network, no clock."""
