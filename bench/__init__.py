"""Measures Headwater against a hand-written floor, FastAPI, Django REST Framework and PocketBase."""
