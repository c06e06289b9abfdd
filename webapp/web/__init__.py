"""HTTP plumbing that every door shares; imports core only."""
