"""Muniment: backup and provable recovery for law firms."""
