"""One screen for each mode: the trace, the help, the settings, and the dialogs."""
