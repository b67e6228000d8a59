"""
A canary for secrets: real tasks against hosts that quote the key they were sent, and a search through all that is left.

``python -m tests.canary`` runs every way of every operator and sensor against every host in a whole Airflow; the suite
runs a slice of it with ``dag.test()``.
"""
