"""Evaluation: how a trader is judged, by which rules and figures."""
