"""Notebooks in, results out: reading, running, releasing and grading them.

Needs the extra `homework` (`pip install "handgrad[homework]"`); nothing in the core imports this.
"""
