"""What any process may import: errors, failures, events, framing."""
