"""Whether data and choices are in order, before anything is computed from them.

Of data: `candidates` and `inspection` decode every file, `census` counts what they hold, `domains`
says whether enough is good. Of choices: `plan`, `norms`, `sources` and `translators` find what does
not fit. Used by stages and commands. Imports domain and runtime; dvc.yaml names its files singly.
"""
