"""Images with labels, from disk to batch: classes, files, indices, crops and the draws of a step.

Imports runtime. Used by all that touches an image; augment, draws, batches and views need torch.
"""
