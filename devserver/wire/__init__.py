"""What the processes say to each other, and the channel that carries it."""
