"""What mnemolog costs, always against the nearest thing that one would use instead, on the same machine in one run."""
