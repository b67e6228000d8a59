"""Sensors: wait for a task that something else submitted."""
