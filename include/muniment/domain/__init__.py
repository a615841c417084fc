"""Values and rules. No I/O, no clock, no network: ``now`` is always an argument."""
