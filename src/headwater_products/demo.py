"""The VFX production API with demo data: what `headwater serve` serves unless told otherwise."""

from __future__ import annotations

from pathlib import Path

from headwater import App
from headwater_products.people import Person
from headwater_products.production import DEMO_ACCOUNTS, RESOURCES, seed

app = App(
    title="Headwater production demo",
    resources=[Person, *RESOURCES],
    profile=Person,
    seed=seed,
    accounts=DEMO_ACCOUNTS,
    migrations=Path(__file__).parent / "migrations",
    mode="demo",
)
