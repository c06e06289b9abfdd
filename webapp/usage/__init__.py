"""What calls to providers took: one row for each call, written in batches beside the hot path."""
