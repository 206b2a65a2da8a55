"""Bugs that are planted on purpose, one at a time, and the tests that must find them: `make mutants`."""
