"""How a change becomes known: inotify, watchdog, polling; when it is over."""
