"""API keys: what they are, where they are kept, who holds one; no HTTP."""
