"""Carries a semantic-segmentation model from a labelled domain to an unlabelled one, in rounds.

Every file has a room, and each room's __init__ says what lives in it. docs/architecture.md draws
them.
"""
