"""How good a model is: IoU against labels, few of them or many, and signals that need none.

Imports domain and runtime. Used by evaluate and evaluate_translation, so that no training hangs on
a new score or signal; prepare asks `few` whether there are enough labels.
"""
