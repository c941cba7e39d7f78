"""The forms in which the model is offered; each translates requests to questions and commands."""

from typing import Final

VERSION: Final = "v1"
"""The version of the API."""
BASE: Final = f"/api/{VERSION}"
"""The path of the API."""
