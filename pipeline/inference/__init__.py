"""From images to logits on disk, and from these to thresholds and label maps.

Imports domain and runtime. Used by infer, pseudo_label, evaluate, gallery and the labelers;
retrain and warmup read only what it stored (`predictions`, `pseudo`), and dvc.yaml names these two
for them.
"""
