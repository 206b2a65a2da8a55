"""The command line's way with words: arguments in, tables and messages out."""
