"""Snapshots told to others: as JSON, as a table, as a stream. Pure: nothing here opens a file or a socket."""
