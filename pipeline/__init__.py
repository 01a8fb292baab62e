"""Segue: a segmentation model from a labelled domain to an unlabelled one, by self-training."""
