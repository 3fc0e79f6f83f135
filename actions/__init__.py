"""Custom actions: what the assistant says and notes down, one file a flow.

Pure: a turn's context and the tracker go in, content items and records come out. No clock, no
network, no database (docs/dialogue-authors.md).
"""
