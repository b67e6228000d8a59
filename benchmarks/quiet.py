"""Less logging in a measured process."""

from __future__ import annotations

import logging
import sys

import structlog


def quiet() -> None:
    """Turn log lines below warning off: some log every request, and the price of a log line is not compared here."""
    logging.disable(logging.INFO)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
