"""Events folded into numbers. Pure: no clock, no I/O. docs/statistics.md defines every number."""
