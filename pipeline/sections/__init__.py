"""The sections of params.yaml, a file each: what may stand there, with types, bounds and defaults.

Imports runtime, and of other rooms only what declares (views, recipe, taxonomy, styles). Used by
the stage of the same name and by `segue check`, which reads all of them in no time.
"""
