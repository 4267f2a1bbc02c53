"""The image: a fork of a Worker that has imported everything and started nothing; Workers are its copies."""
