"""How a change becomes known (inotify, watchdog, polling), and when it is complete."""
