"""Triggers: wait for Kling in the triggerer; they never pay and never download."""
