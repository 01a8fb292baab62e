"""How good a model is: IoU against labels, and signals that need none.

Imports domain. Used by evaluate alone, so that no training hangs on a new score or signal.
"""
