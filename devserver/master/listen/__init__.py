"""The Master's listeners."""
