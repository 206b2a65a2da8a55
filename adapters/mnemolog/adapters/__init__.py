"""The outside world: one module for each system that mnemolog speaks to."""
