"""hopscope's engine: traces network paths and tells what it sees as a stream of events."""
