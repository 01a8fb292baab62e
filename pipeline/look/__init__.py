"""What people look at: the page that opens from disk, and the report's figures.

Imports inference, domain and runtime. Used by prior, panels, gallery and report. The page's own
code is in static/.
"""
