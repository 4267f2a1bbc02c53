"""The Master's process: owns every client connection, decides which code is live, and never runs it."""
