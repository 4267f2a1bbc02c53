"""The language between the processes, and the channels that carry it."""
