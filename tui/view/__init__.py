"""What is on the screen, as plain values: no Textual, no Rich, no I/O, no clock."""
