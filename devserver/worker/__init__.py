"""The Worker: imports the app from its generation's snapshot and runs it; owns no client connection."""
