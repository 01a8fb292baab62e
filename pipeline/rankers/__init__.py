"""Easy and hard target images."""
