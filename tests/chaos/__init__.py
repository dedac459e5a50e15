"""Faults on real processes while clients publish, and what must be true afterwards."""
