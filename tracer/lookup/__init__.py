"""Names, autonomous systems and places: looked up beside the probes, cached, best effort, never fatal."""
