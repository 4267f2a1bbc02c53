"""The Manager's process: forks, reaps and replaces Workers, and never imports the app."""
