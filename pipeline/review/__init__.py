"""What people say of pseudo-labels: their verdicts, and tools' formats, in which they correct them.

Imports domain and runtime. Stages, `segue check`, `segue review` and `segue annotate` use it;
dvc.yaml names its files one by one, so that no training hangs on a format.
"""
