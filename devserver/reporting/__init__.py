"""What the Master tells the user: plain lines, the console's process, the event stream."""
