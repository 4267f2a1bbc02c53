"""The console: how the event stream looks, in a terminal (a process of its own) and without one."""
