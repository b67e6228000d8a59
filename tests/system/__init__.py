"""Scripts against a whole Airflow that take minutes; run by hand, no part of the test suite."""
