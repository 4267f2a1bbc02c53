"""Any process: errors, failures as data, events for tools, framing. Imports nothing else of devserver."""
