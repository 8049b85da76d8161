"""Faults that make the alerts fire: see ../faults.py."""
