"""From images to logits on disk, and from these to thresholds and label maps.

Imports model, evaluation, domain and runtime. Used by infer, pseudo_label, evaluate, gallery,
evaluate_translation and the labelers. retrain, warmup, fit_translator and translate need only some
of its files, and dvc.yaml names these for them.
"""
