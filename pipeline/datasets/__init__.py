"""Where a data set's files lie and what its label values mean."""
