"""What a Worker is forked with, and its first steps: for Managers and images, which fork."""
