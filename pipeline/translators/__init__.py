"""Translators: source images in the look of the target. A file is a part, its class is Translator.

Imports translation, and domain for types. Chosen by a translation's `fit_translator.translator`.
"""
