"""The one training loop, and what objectives are made of: losses, passes, adversaries.

Imports sections, model, domain and runtime. Used by objectives and by pretrain, warmup and
retrain.
"""
