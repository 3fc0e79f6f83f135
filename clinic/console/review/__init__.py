"""Reading what was written: page by page, notes beside it, and whether the detector was right."""
