"""Objectives: what a training step minimises. A file is a part, its class is Objective.

Imports training, model, domain and runtime. Chosen by `objective` of a warm-up or of a round's
retrain.
"""
