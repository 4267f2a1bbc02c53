"""Swap: gives a copy of an imported app other function bodies, where a cold start would give the same."""
