"""Supervision of the Managers and of the Workers' processes."""
