"""Tools of the project itself: the demo, the local Airflow, the pins. Not part of the package."""
