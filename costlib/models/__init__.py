"""Definitions only: the equations of each part of the analysis, and the tuples that make models of them."""
