"""What surrounds the provider: all that differs between Airflow versions, and the clock."""
