"""DVC's pipeline as one Prefect flow. It imports nothing of the project, nor the project it."""
