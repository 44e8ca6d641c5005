"""Measurements that the docs quote, each a program: python -m benchmarks.NAME."""
