"""How changes are noticed (inotify, watchdog, polling), and when a save is complete."""
