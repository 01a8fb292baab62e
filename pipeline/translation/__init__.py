"""What translators are made of: colour spaces, maps between distributions, references, their file.

Imports domain and runtime. Used by the translators and by the stages fit_translator, translate and
evaluate_translation.
"""
