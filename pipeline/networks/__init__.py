"""Networks: images in, Outputs out. A file is a part, its class is Network.

Imports model, domain and runtime. Chosen by `network.name` in params.yaml; built by model.create.
"""
