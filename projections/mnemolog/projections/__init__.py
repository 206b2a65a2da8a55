"""Views: what can be thrown away and rebuilt from the log, and only that."""
