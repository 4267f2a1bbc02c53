"""What a Worker does while it runs: its link to the Master, its failures and logs."""
