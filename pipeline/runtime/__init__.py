"""How a stage runs: its params, its parts, its files, its process and what it shows meanwhile.

The ground floor: it imports nothing else of the project, and everything stands on it. `launch` and
`ranks` alone need torch.
"""
