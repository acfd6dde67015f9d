"""What a person touches: the `hopscope` command and its screen."""
