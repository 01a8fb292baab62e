"""Rankers: which target images are easy, which hard. A file is a part, its class is Ranker.

Imports nothing of the project. Chosen by a round's `split.ranker`.
"""
