"""Postgres: the log, the views that live beside it, and the server that runs when none is given."""
