"""Middleware: functions from handler to handler, for what concerns bytes and connections.

An application gets a sequence of them, the outermost first; `standard.standard` makes the usual one.
"""
