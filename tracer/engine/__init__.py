"""The probing machine, as a value: commands out, replies in, time as an argument. No I/O anywhere."""
