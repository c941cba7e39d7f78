"""Operations that Schemathesis makes from the schema that is downloaded: whoever asks, none fails, and what is answered
is what the schema says."""

import json
import os
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import cycle
from typing import Any

import pytest
import schemathesis
from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    GraphQLInputObjectType,
    GraphQLSchema,
    IntValueNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    execute_sync,
    get_named_type,
    introspection_from_schema,
    parse,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.graphql import nodes
from schemathesis.graphql.loaders import from_dict

from headwater.base.errors import REGISTRY
from headwater.ir.query import MAX_LIMIT
from headwater.testing import client
from headwater_products.demo import app as demo
from tests.described import furnished
from tests.spec.callers import CALLERS, sign_up_each, take_part

LONG = bool(os.environ.get("HEADWATER_TEST_LONG"))
EXAMPLES = 10 if LONG else 2
STEP = 1 if LONG else 4
"""Of so many root fields each store is asked for one."""
REFUSED = REGISTRY.keys() - {"INTERNAL_ERROR", "DATABASE_ERROR", "DEADLINE_EXCEEDED"}

DECIMALS = st.decimals(Decimal("-1e6"), Decimal("1e6"), places=2).map(str)
for name, values in {
    "BigInt": st.integers(-(2**63), 2**63 - 1).map(nodes.Int),
    "Decimal": DECIMALS.map(nodes.String),
    "Date": st.dates(date(1900, 1, 1)).map(lambda day: nodes.String(day.isoformat())),
    "DateTime": st.datetimes().map(lambda at: nodes.String(f"{at:%Y-%m-%dT%H:%M:%S}Z".rjust(20, "0"))),
    "Duration": st.integers(0, 10**6).map(lambda seconds: nodes.String(f"PT{seconds}S")),
    "JSON": st.one_of(st.integers(0, 9).map(nodes.Int), st.text("abc").map(nodes.String)),
    "Money": DECIMALS.map(
        lambda amount: nodes.Object([("amount", nodes.String(amount)), ("currency", nodes.String("EUR"))])
    ),
}.items():  # fmt: skip
    schemathesis.graphql.scalar(name, values)


class Settled(Visitor):
    """Mends what Schemathesis does not know of: an order has one key, and of the arguments of a page few go together.
    Asks for the type of every object, as clients with a cache do."""

    def __init__(self, types: TypeInfo, *, paged: bool) -> None:
        super().__init__()
        self.types, self.paged = types, paged

    def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> SelectionSetNode:
        return SelectionSetNode(selections=(*node.selections, FieldNode(name=NameNode(value="__typename"))))

    def leave_object_value(self, node: ObjectValueNode, *_: Any) -> ObjectValueNode:
        type = get_named_type(self.types.get_input_type())
        if not isinstance(type, GraphQLInputObjectType) or not type.is_one_of:
            return node
        given = [one for one in node.fields if not isinstance(one.value, NullValueNode)]
        return ObjectValueNode(fields=tuple(given[:1] or ID_FIRST))

    def leave_field(self, node: FieldNode, *_: Any) -> FieldNode:
        given = {one.name.value: one.value for one in node.arguments or ()}
        if self.paged and "last" in given:
            for name in ("last", "after", "before"):
                given.pop(name, None)
            if isinstance(size := given.get("first"), IntValueNode):
                given["first"] = IntValueNode(value=str(1 + abs(int(size.value)) % MAX_LIMIT))
        arguments = tuple(
            ArgumentNode(name=NameNode(value=name), value=value) for name, value in given.items()
        )
        return FieldNode(name=node.name, alias=node.alias, arguments=arguments, directives=node.directives,
                         selection_set=node.selection_set)  # fmt: skip


ID_FIRST = (ObjectFieldNode(name=NameNode(value="id"), value=EnumValueNode(value="ASC")),)


@cache
def operations(schema: str, first: int) -> list[str]:
    """Some operations of every so many root fields, the same each time; of what deletes none."""
    known = build_schema(schema)
    made = from_dict(introspection_from_schema(known))
    found: list[str] = []
    for result in [*made.get_all_operations()][first::STEP]:

        @settings(max_examples=EXAMPLES, database=None, derandomize=True, deadline=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(result.ok().as_strategy())
        def take(case: Any) -> None:
            types = TypeInfo(known)
            settled = TypeInfoVisitor(types, Settled(types, paged=len(found) % 2 == 0))
            found.append(print_ast(visit(parse(case.body), settled)))

        take()
    return found


def wrong(schema: GraphQLSchema, document: DocumentNode, data: Any) -> str:
    """What is wrong with an answer by the schema: the library resolves the operation from it, and finds the same."""
    (operation,) = (one for one in document.definitions if isinstance(one, OperationDefinitionNode))
    roots = [one for one in operation.selection_set.selections if isinstance(one, FieldNode)]
    there = [one for one in roots if data[one.alias.value if one.alias else one.name.value] is not None]
    asked = DocumentNode(definitions=(OperationDefinitionNode(
        operation=OperationType.QUERY if operation.operation is OperationType.QUERY else OperationType.MUTATION,
        name=None, directives=(), variable_definitions=(),
        selection_set=SelectionSetNode(selections=tuple(there))),))  # fmt: skip
    again = execute_sync(
        schema,
        asked,
        root_value=data,
        field_resolver=lambda source, info, **_: source[info.path.key],
        type_resolver=lambda value, *_: value["__typename"],
    )
    if again.errors:
        return "; ".join(error.message for error in again.errors)
    expected = {name: value for name, value in data.items() if value is not None}
    return "" if again.data == expected else f"{again.data} != {expected}"


@pytest.mark.parametrize("first", [0] if LONG else range(2))
async def test_made_up_operations_are_answered_by_the_schema(store_url: str, first: int) -> None:
    problems: list[str] = []
    answered = 0
    async with client(demo, database_url=store_url) as visitor:
        callers = await sign_up_each(visitor)
        known = await furnished(callers["admin"])
        await callers["admin"].post("/api/v1/projects", {"code": "NRT", "name": "Elsewhere"})
        await take_part(callers, known["projects"][0], "NRT")
        text = (await callers["admin"].get("/graphql/schema.graphql")).body.decode()
        schema = build_schema(text)
        others = cycle(CALLERS[:-1])
        # On each store other root fields are asked for.
        for operation in operations(text, (2 * first + store_url.startswith("postgres")) % STEP):
            for name in CALLERS if LONG else (next(others), "admin"):
                reply = await callers[name].post("/graphql", {"query": operation})
                body = json.loads(reply.body)
                codes = {error["extensions"]["code"] for error in body.get("errors", ())}
                if "data" not in body:
                    said = "" if codes == {"QUERY_TOO_COMPLEX"} else "it is not executed"
                else:
                    answered += any(value for name, value in body["data"].items() if name != "__typename")
                    said = wrong(schema, parse(operation), body["data"])
                if said or reply.status != 200 or not codes <= REFUSED:
                    problems.append(f"{name}: {operation}\n  {reply.status} {reply.body[:2000]!r}\n  {said}")
    assert not problems, f"{len(problems)}:\n" + "\n".join(problems[:5])
    assert answered > 20
