"""What happens to a row on its way in: defaults, the log's images of it, and the refusals in the client's words."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from typeid import TypeID

from headwater.base.call import Call
from headwater.base.errors import Detail, Fault
from headwater.engine.schema import uniques
from headwater.ir.command import Expected
from headwater.ir.evaluate import Evaluate, compile_python
from headwater.ir.model import Field, Resource
from headwater.ir.values import wire_encoder
from headwater.log.log import Entry


def new_id(prefix: str) -> str:
    """A typed, sortable id such as `task_01j9…` (TypeID over UUIDv7, RFC 9562)."""
    return str(TypeID(prefix=prefix))


def new_values(resource: Resource, given: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """All stored values of a new row."""
    values = dict(given)
    for found in resource.fields.values():
        if found.column is None or found.name in values:
            continue
        values[found.name] = found.default() if found.default is not None else None
    values["id"] = values[resource.key] if resource.natural else given.get("id") or new_id(resource.prefix)
    values["version"] = 1
    if "created_at" in resource.fields:
        values["created_at"] = values["updated_at"] = call.now
    return values


Stamps = Sequence[tuple[str, bool, Evaluate]]
"""The moments that the engine sets: field, whether the first moment stays, and whether it has come."""


def stamps(resource: Resource) -> Stamps:
    """The moments of a resource that the engine sets."""
    return tuple(
        (f.name, f.stamp.first, compile_python(f.stamp.when, resource))
        for f in resource.fields.values()
        if f.stamp is not None
    )


def set_stamps(stamps: Stamps, old: Mapping[str, Any] | None, new: dict[str, Any], call: Call) -> None:
    """Set the moments that a write makes, but for those that the product's code has set itself."""
    for name, first, holds in stamps:
        before = None if old is None else old[name]
        if new[name] != before:
            continue
        if not holds(new, call.actor, call.now):
            new[name] = before if first else None
        elif old is None or (not (first and before) and not holds(old, call.actor, call.now)):
            new[name] = call.now


def replacement(resource: Resource, given: Mapping[str, Any]) -> dict[str, Any]:
    """What PUT sets: the given values, and for each other field that a client may set, its default or null."""
    values = dict(given)
    for found in resource.fields.values():
        settable = found.column is not None and not (
            found.read_only or found.internal or found.immutable or found.column == "id"
        )
        if settable and found.name not in values:
            values[found.name] = found.default() if found.default is not None else None
    return values


def demand(resource: Resource, values: Mapping[str, Any]) -> None:
    """Raises Fault where a replacement lacks values that it must have."""
    details = [
        Detail("REQUIRED_FIELD", f"`{found.wire}` is required, and is never null.", found.wire)
        for name, value in values.items()
        if value is None and not (found := resource.fields[name]).nullable and not found.secret
    ]
    if details:
        raise Fault("VALIDATION_ERROR", details=details)


Logged = Mapping[str, Callable[[Any], Any]]
"""The names of the fields that the log keeps, and the functions that make their wire forms."""


def logged_fields(resource: Resource) -> Iterator[Field]:
    """All stored fields but those that are nobody's to see."""
    return (f for f in resource.fields.values() if f.column is not None and not f.internal)


def logged(resource: Resource) -> Logged:
    """What makes the log's images of a resource's rows."""
    return {f.name: wire_encoder(f.type) for f in logged_fields(resource)}


def entry(
    call: Call,
    resource: Resource,
    fields: Logged,
    what: str,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
    image: str | None = None,
    *,
    after: bool = True,
) -> Entry:
    """The log's entry for a changed row, of which both images have the same fields. That of the new row is `image`,
    where the database has made it; without `after`, it is left to the database."""
    row = new if new is not None else old
    assert row is not None
    if old is not None and new is not None:
        changed = [name for name, value in new.items() if name in fields and old[name] != value]
        before: dict[str, Any] | None = _image(fields, changed, old)
    else:
        before = None if old is None else _image(fields, fields, old)
    return Entry(
        type=f"{resource.singular}.{what}",
        resource=resource.name,
        row_id=str(row["id"]),
        version=row["version"],
        at=call.now,
        actor=call.actor.id or call.actor.name,
        organisation=call.organisation,
        request_id=call.request_id,
        before=before,
        after=_image(fields, fields, new) if after and image is None and new is not None else None,
        image=image,
    )


def _image(fields: Logged, names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if (value := values[name]) is None else fields[name](value) for name in names}


def expect(
    resource: Resource, old: Mapping[str, Any], expected: Expected | None, *, demanded: bool = True
) -> None:
    """Raises Fault unless the row is in the version that the caller believes: 412 to a header, 409 to a body, and 428
    where the resource demands that one is named, unless it is not `demanded` here."""
    if expected is None:
        if resource.demands_version and demanded:
            raise Fault("PRECONDITION_REQUIRED")
        return
    if expected.version != old["version"]:
        code = "PRECONDITION_FAILED" if expected.header else "RESOURCE_CONFLICT"
        message = f"The {resource.singular} is in version {old['version']}, not {expected.version}."
        facts = {"currentVersion": old["version"], "expectedVersion": expected.version}
        where = {"parameter": "If-Match"} if expected.header else {"field": "version"}
        raise Fault(code, message, [Detail(code, message, facts=facts, **where)])


def violation(broken: Sequence[tuple[str, tuple[str, ...]]], resource: Resource) -> Fault:
    """The refusal of values that are each valid and together are not."""
    details = [
        Detail("RULE_VIOLATION", message, field=resource.fields[fields[0]].wire if fields else None,
               facts={"fields": [resource.fields[f].wire for f in fields]} if len(fields) > 1 else {})
        for message, fields in broken
    ]  # fmt: skip
    return Fault("RULE_VIOLATION", broken[0][0] if len(broken) == 1 else None, details)


def dangling_reference(resource: Resource, names: Sequence[str]) -> Fault:
    """The refusal of references that lead nowhere, or to what the caller may not see: in the order in which they are
    declared, as the order in which they were found would tell which of the two it is."""
    names = [name for name in resource.fields if name in names]
    details = [
        Detail("DANGLING_REFERENCE", f"{resource.fields[n].wire} does not refer to anything that you can see.",
               field=resource.fields[n].wire)
        for n in names
    ]  # fmt: skip
    return Fault("DANGLING_REFERENCE", details[0].message if details else None, details)


def duplicate(resource: Resource, constraint: str) -> Fault:
    """The refusal of values that another row has already, without saying which row."""
    fields = next((fields for name, fields in uniques(resource) if name == constraint), (resource.key,))
    wires = [resource.fields[f].wire for f in fields]
    message = f"Another {resource.singular.replace('_', ' ')} has this {' and '.join(wires)}."
    details = [Detail("RESOURCE_ALREADY_EXISTS", message, field=wire) for wire in wires]
    return Fault("RESOURCE_ALREADY_EXISTS", message, details)
