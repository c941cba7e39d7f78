"""What the products and the guide ask of GraphQL."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater.surfaces.graphql.documents import Documents
from headwater.surfaces.graphql.persisted import read_manifest, written_manifest
from headwater.surfaces.graphql.persisting import operations
from headwater.surfaces.graphql.schema import build
from headwater.testing import client
from headwater_products.demo import app as demo

GUIDE = Path(__file__).parents[2] / "docs" / "graphql.md"
BLOCKS = re.findall(r"```graphql\n(.*?)```", GUIDE.read_text(), re.DOTALL)
GIVEN: dict[str, Any] = {
    "code": "SWA", "project": "SWA", "who": "o", "id": "task_01h455vb4pex5vsknk084sn02q", "input": {},
}  # fmt: skip


def test_the_manifest_is_what_its_documents_say() -> None:
    manifest = demo.graphql_manifest
    assert manifest is not None
    found = operations(manifest.parent, Documents(build(demo.model).schema), typenames=True)
    assert manifest.read_text() == written_manifest(found)
    assert len(found) >= 6


async def test_what_the_products_ask_is_answered() -> None:
    assert demo.graphql_manifest is not None
    async with client(demo) as visitor:
        admin = await visitor.sign_up("grace", role="admin")
        for hash, text in read_manifest(demo.graphql_manifest).items():
            if not text.startswith("query"):
                continue
            variables = {name: GIVEN[name] for name in re.findall(r"\$(\w+): ID!", text)}
            reply = await admin.post("/graphql", {"documentId": hash, "variables": variables})
            assert "errors" not in reply.json(), (text, reply.body)


@pytest.mark.parametrize("query", BLOCKS, ids=range(len(BLOCKS)))
async def test_what_the_guide_asks_is_answered(query: str) -> None:
    async with client(demo) as visitor:
        admin = await visitor.sign_up("grace", role="admin")
        made = await admin.post("/api/v1/projects", {"code": "SWA", "name": "Saltwater Avenue"})
        assert made.status == 201, made.body
        variables = {name: GIVEN[name] for name in re.findall(r"\$(\w+): \w+!", query)}
        reply = await admin.post("/graphql", {"query": query, "variables": variables})
        told = msgspec.json.decode(reply.body)
        assert "errors" not in told, told
        if query.startswith("mutation"):
            assert all(
                payload["errors"] == [] if "errors" in payload else payload
                for payload in told["data"].values()
            )


def test_the_guide_has_examples() -> None:
    assert len(BLOCKS) >= 6
