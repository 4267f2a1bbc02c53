"""The Master's own answers, as HTML, JSON or text."""
