"""The pipeline as a Prefect flow, and what puts DVC's own files right after a kill.

Imports nothing else of the project, which runs without it: stages, edges and paths it reads from
DVC, and presets/ to name the one that runs.
"""
