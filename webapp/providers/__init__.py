"""Providers: where models come from, their keys, and the proof that the connection works."""
