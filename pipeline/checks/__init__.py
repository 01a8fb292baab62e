"""Whether data and choices are in order, before anything is computed from them.

`inspection` decodes every file for prepare, each by `candidates`; `census` counts what they hold;
`plan` and `norms` hold choices against each other for infer, retrain and `segue check`. Imports
domain and runtime. dvc.yaml names its files one by one.
"""
