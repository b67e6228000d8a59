"""What happens to one wished-for video: pure decisions, no I/O, no clock, no Airflow."""
