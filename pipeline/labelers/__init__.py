"""Labelers: pseudo-labels from logits. A file is a part, its class is Labeler.

Imports inference, and domain for types. Chosen by a round's `pseudo_label.labeler`.
"""
