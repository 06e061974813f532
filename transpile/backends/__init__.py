"""IR -> text."""
