"""Measures Headwater against a hand-written floor and what others would write or take, over REST and over GraphQL."""
