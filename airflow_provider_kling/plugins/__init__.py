"""What users see in Airflow's UI beside Airflow's own pages: the gallery of videos."""
