"""Routing: who answers, by which route and with which key, and what happens when that fails."""
