"""A model: a recipe and its weights, what a network gives, and backbones that networks share.

Imports domain and runtime. Used by networks, training, and the stages and commands that run a
model.
"""
