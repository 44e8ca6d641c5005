"""Verdicts as in-toto statements, and what several of them prove together."""
