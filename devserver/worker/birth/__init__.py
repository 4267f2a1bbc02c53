"""What a Worker inherits at its fork, and its first steps: for Managers and images, which fork."""
