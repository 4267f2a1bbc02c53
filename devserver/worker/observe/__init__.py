"""What a boot did, for the Master to know: the files it used, opened and created, and what imports saw."""
