"""Exact logistic regression: the maximum of the likelihood is enclosed, then rounded once."""
