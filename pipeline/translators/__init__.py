"""Translators: source images in the look of the target. A file is a part, its class is Translator.

Imports translation, where it is measured, or training, where it is trained; model, domain and
runtime. Chosen by a translation's `fit_translator.translator`.
"""
