"""Pseudo-labels from predictions."""
