"""The one training loop, and what objectives and trained translators are made of.

Imports sections, inference, model, domain and runtime. Used by objectives, translators, and by
pretrain, warmup, retrain and fit_translator.
"""
