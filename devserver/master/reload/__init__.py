"""Decides which code is live and which is tried; measures how long a reload takes."""
