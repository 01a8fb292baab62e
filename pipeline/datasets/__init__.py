"""Readers: how a data set lies on disk. A file is a part, its class is Dataset.

Imports domain and runtime. Chosen by `reader` in params.yaml; used by prepare, source, `segue own`
and `segue score`.
"""
