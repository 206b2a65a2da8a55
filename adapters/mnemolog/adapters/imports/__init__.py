"""Exports of other memory systems, read as data: JSON that is parsed already goes in, memories to be made come out."""
