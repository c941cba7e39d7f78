"""The VFX production API with demo data: what `headwater serve` serves unless told otherwise."""

from __future__ import annotations

from pathlib import Path

from headwater import App
from headwater_products.people import RESOURCES as PEOPLE
from headwater_products.people import Person
from headwater_products.production import DEMO_ACCOUNTS, RESOURCES, scenario, seed

app = App(
    title="Headwater production demo",
    description="The productions of a studio: projects, sequences, shots, tasks, and who works on them.",
    license="Apache-2.0",
    contact={"name": "The studio's pipeline team", "email": "pipeline@example.com"},
    resources=[*RESOURCES, *PEOPLE],
    profile=Person,
    seed=seed,
    accounts=DEMO_ACCOUNTS,
    scenario=scenario,
    migrations=Path(__file__).parent / "migrations",
    graphql_manifest=Path(__file__).parent / "operations" / "manifest.json",
    mode="demo",
)
