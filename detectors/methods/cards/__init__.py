"""One file per method: its card. A file that is added here is a method of the app."""
