"""The Workers' terminals: which Worker reads its own, and so gets the user's keys."""
