"""Measures Headwater against a hand-written floor and against FastAPI."""
