"""The Manager: forks, reaps and replaces Workers; never imports the app."""
