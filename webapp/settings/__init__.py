"""Typed site settings, one row each, and the page that shows them."""
