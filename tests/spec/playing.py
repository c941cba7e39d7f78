"""A stand-in for the GraphQL endpoint, as far as the playground needs one: the page, its files, and a small schema."""

import json
from typing import Any, Final

from graphql import build_schema, graphql

from headwater import App, caller
from headwater.base.observe import Observers
from headwater.http.application import Application
from headwater.http.exchange import Exchange, Response
from headwater.http.middleware.errors import errors
from headwater.http.routes import Route
from headwater.surfaces.graphql import playground
from headwater_products.people import RESOURCES, Person

BASE: Final = "/graphql"

SCHEMA: Final = build_schema('''
"""What can be asked."""
type Query {
  caller: String
  tags(first: Int): TagPage!
  projects(first: Int): ProjectPage!
}
type TagPage { nodes: [Tag!]! }
type Tag { id: ID! word: String! }
type ProjectPage { nodes: [Project!]! totalCount: Int! }
"""A film, or a part of one."""
type Project { id: ID! name: String! ownerId: ID! status: String! tasks(first: Int): TaskPage! }
type TaskPage { nodes: [Task!]! totalCount: Int! }
type Task { id: ID! title: String! project: Project! subtasks(first: Int, of: ID!): TaskPage! }
''')


def _page(*nodes: Any) -> Any:
    def answer(info: Any, first: int = 50) -> Any:
        return {"nodes": nodes[:first], "totalCount": len(nodes)}

    return answer


_TASKS: Final = [{"id": f"task_{n}", "title": f"Task {n}"} for n in range(5)]
_PROJECTS: Final = [
    {"id": "proj_1", "name": "Swallows", "ownerId": "user_1", "status": "active", "tasks": _page(*_TASKS)}
]


async def _ask(exchange: Exchange) -> Response:
    asked = json.loads(await exchange.body())
    root = {
        "caller": caller(exchange.scope).actor.id,
        "projects": _page(*_PROJECTS),
        "tags": _page(),
    }
    found = await graphql(SCHEMA, asked["query"], root, variable_values=asked.get("variables"))
    return Response(200, [(b"content-type", b"application/json")], json.dumps(found.formatted).encode())


async def _page_of_it(exchange: Exchange) -> Response:
    return playground.page(BASE)


endpoint = Application(
    [
        Route("POST", BASE, _ask, "graphql"),
        Route("GET", BASE, _page_of_it, "playground"),
        *playground.routes(BASE),
    ],
    [errors(Observers())],
)
app = App(title="Playing", resources=RESOURCES, profile=Person, mounts={BASE: endpoint})
