"""The Managers and the Workers' processes, as the Master sees them."""
