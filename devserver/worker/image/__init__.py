"""The image: a fork of a Worker that has imported everything and started nothing, to be copied."""
