"""Models: what the providers offer, and how one is chosen."""
