"""The pipeline as a Prefect flow, and what puts DVC's own files right after a kill.

Imports nothing else of the project, which runs without it: stages and edges it reads from DVC.
"""
