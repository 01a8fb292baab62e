"""The stages of dvc.yaml, a module each: a pure `run`, and a `main` that opens, calls and writes.

Imports every room below, but no part by name and no other stage. Run by DVC as a process of its
own.
"""
