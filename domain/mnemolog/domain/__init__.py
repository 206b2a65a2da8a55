"""The rules: what a memory is, how it may change, who may see it. No input or output happens here."""
