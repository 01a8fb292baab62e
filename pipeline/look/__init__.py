"""The look between rounds: a page that opens from disk, and the files that it shows."""
