"""Swap: gives a copy of an imported app new function bodies, if that equals a cold start."""
