"""
Carry out on a worker what ``lifecycle`` decides: find or submit, wait, land, report.

It is handed a :class:`~airflow_provider_kling.lifecycle.job.Job` and knows no operator.
"""
