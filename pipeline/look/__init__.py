"""What people look at: the page that opens from disk, and the report's figures.

Imports inference, review, domain and runtime. Used by prior, panels, gallery, report,
evaluate_translation and `segue rounds`. The page's own code is in static/.
"""
