"""Operators: turn a request into a video that is paid for once."""
