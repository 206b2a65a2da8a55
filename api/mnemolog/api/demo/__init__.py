"""What `mnemolog demo` shows: a conversation, and the walk through all that the store does with it."""
