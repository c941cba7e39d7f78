"""The fields of `Mutation`: what each takes as its input, and what its payload shows."""

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from headwater.ir.body import BodyParser
from headwater.ir.model import Action, Field, Model, Resource
from headwater.surfaces.graphql.arguments import Arguments
from headwater.surfaces.graphql.roots import Root, capital, member_name, members_name
from headwater.surfaces.graphql.scalars import BIG_INT, JSON
from headwater.surfaces.graphql.values import Values

_DOES: Final = {
    "create": "Create a {}.",
    "update": "Change the fields that are given of a {}.",
    "upsert": "Change a {}, or create it if there is none.",
    "delete": "Delete a {}.",
    "restore": "Take a {} out of the trash.",
    "purge": "Remove a {} in the trash for good.",
}


class Payloads:
    """Makes mutations over the objects of one schema."""

    def __init__(self, model: Model, objects: Mapping[str, GraphQLObjectType], values: Values) -> None:
        self.model, self.objects, self.values = model, objects, values
        self.arguments = Arguments()
        self.user_error = GraphQLObjectType(
            "UserError",
            {
                "field": GraphQLField(GraphQLString, description="The part of the input that is wrong."),
                "message": GraphQLField(GraphQLNonNull(GraphQLString)),
                "code": GraphQLField(GraphQLNonNull(GraphQLString), description="A code of `/errors`."),
            },
            description="Why a mutation was not done.",
        )

    def mutation(self, name: str, root: Root) -> GraphQLField:
        """The field of `Mutation` that does something to a resource."""
        resource = root.resource
        assert resource is not None
        if root.action is not None:
            return self._act(name, resource, root.action)
        shown: dict[str, GraphQLField] = {"id": GraphQLField(GraphQLID, description="The row's id.")}
        if root.verb not in ("delete", "purge"):
            row = "Null too where it may not be read."
            shown = {member_name(resource): GraphQLField(self.objects[resource.name], description=row)}
        match root.verb:
            case "create" | "upsert":
                inputs = self._creating(resource)
            case "update":
                inputs = self._updating(resource)
            case _:
                inputs = _naming()
        return self._payload(name, _DOES[root.verb].format(member_name(resource)), inputs, shown)

    def _act(self, name: str, resource: Resource, action: Action) -> GraphQLField:
        inputs = self.arguments.fields(action.parameters)
        if action.on == "row":
            inputs = {**_naming(), **inputs}
        answers = self.model.answers(resource, action)
        if answers is None or not answers[0].exposed:
            shown = {"result": GraphQLField(JSON, description="What the action answers.")}
        else:
            target, several = answers
            row = self.objects[target.name]
            if several:
                shown = {members_name(target): GraphQLField(GraphQLList(row))}
            else:
                shown = {member_name(target): GraphQLField(row)}
        return self._payload(name, action.doc, inputs, shown)

    def _payload(
        self,
        name: str,
        doc: str,
        inputs: Mapping[str, GraphQLInputField],
        shown: Mapping[str, GraphQLField],
    ) -> GraphQLField:
        echo = GraphQLInputField(GraphQLString, description="Comes back in the payload as it is.")
        given = GraphQLInputObjectType(f"{capital(name)}Input", {**inputs, "clientMutationId": echo})
        errors: Any = GraphQLNonNull(GraphQLList(GraphQLNonNull(self.user_error)))
        place = "The place of the change in the log; null if nothing has changed."
        payload = GraphQLObjectType(
            f"{capital(name)}Payload",
            {
                **shown,
                "errors": GraphQLField(errors, description="Why it was not done; empty if it was."),
                "position": GraphQLField(BIG_INT, description=place),
                "clientMutationId": GraphQLField(GraphQLString),
            },
        )
        return GraphQLField(payload, {"input": GraphQLArgument(GraphQLNonNull(given))}, description=doc)

    def _creating(self, resource: Resource) -> dict[str, GraphQLInputField]:
        return {
            name: self.values.sent(resource, one, demanded=one.required)
            for name, one in _writable(resource).items()
        }

    def _updating(self, resource: Resource) -> dict[str, GraphQLInputField]:
        changing = {
            name: self.values.sent(resource, one, demanded=False)
            for name, one in _writable(resource).items()
            if not one.immutable and one.name != resource.key
        }
        return {**_naming(), **changing}


def _naming() -> dict[str, GraphQLInputField]:
    """What names a row, and the version that it is believed to have."""
    version = "The change is refused if the row has another version by now."
    return {
        "id": GraphQLInputField(GraphQLNonNull(GraphQLID)),
        "version": GraphQLInputField(GraphQLInt, description=version),
    }


def _writable(resource: Resource) -> dict[str, Field]:
    names = BodyParser(resource).writable
    return {one.wire: one for one in resource.fields.values() if one.wire in names}
