"""Decorators: a function says what to make, and the task makes it."""
