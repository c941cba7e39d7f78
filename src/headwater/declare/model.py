"""From classes to the Model: everything is read, cross-checked, and refused with all mistakes at once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from functools import partial
from typing import Any

from headwater.declare.actions import BadAction, parameters_of, result_of
from headwater.declare.annotations import BadAnnotation
from headwater.declare.constants import Nonsense, Spoilt, near
from headwater.declare.expressions import Expression, node_of, predicate
from headwater.declare.fields import Batched, Computed, Field, Many, Place, Reference
from headwater.declare.interfaces import Interface, known_interfaces
from headwater.declare.kinds import Held, Typed, Typer, alike
from headwater.declare.members import MAX_PLACES, built_in, expect_form, field_of, relation_of
from headwater.declare.names import MAX_NAME, camel, kebab, plural_of, snake
from headwater.declare.problems import Problems
from headwater.declare.reports import Mark as Asked
from headwater.declare.reports import mark_of
from headwater.declare.reports import read as read_report
from headwater.declare.resource import BUILT_IN, Declaration, Resource
from headwater.declare.roles import expand, known_roles
from headwater.declare.rules import Role
from headwater.declare.source import Source, source_of
from headwater.declare.statements import Reader
from headwater.ir import expr as e
from headwater.ir import model as m
from headwater.ir.model import TRASH_VERBS, VERBS, Kind, Type

NAME = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")
LOCAL = "compare stored fields of the row with constants"


def build(
    resources: Sequence[type[Resource]],
    roles: Sequence[Role] = (),
    reports: Sequence[Callable[..., Any]] = (),
    interfaces: Sequence[Interface] = (),
) -> m.Model:
    """The Model of an application; `reports` belong to no resource. Raises: DeclarationErrors, with every mistake."""
    return Builder(resources, roles, [mark_of(report) for report in reports], interfaces).model()


@dataclass(slots=True)
class Draft:
    """One resource on its way. `spoilt` are the members that have mistakes."""

    declaration: Declaration
    source: Source
    name: str
    singular: str
    plural: str
    fields: dict[str, m.Field] = attribute(default_factory=dict)
    relations: dict[str, m.Relation] = attribute(default_factory=dict)
    spoilt: set[str] = attribute(default_factory=set)
    worked_out: set[str] = attribute(default_factory=set)

    def place(self, member: str) -> Place:
        """Where a member stands."""
        found = self.declaration.members.get(member)
        if member not in self.source.lines and found is not None and found.options.place is not None:
            return found.options.place
        return self.source.place(member)


class Builder:
    """Builds one Model. It is also the `World` that expressions are checked against."""

    def __init__(
        self,
        resources: Sequence[type[Resource]],
        roles: Sequence[Role],
        reports: Sequence[Asked],
        interfaces: Sequence[Interface] = (),
    ) -> None:
        self.problems = Problems()
        self.interfaces = interfaces
        self.free_reports = reports
        self.declared_roles = known_roles(roles, self.problems)
        self.drafts: dict[str, Draft] = {}
        self._working: list[tuple[str, str]] = []
        for cls in resources:
            self._open(cls)

    def model(self) -> m.Model:
        known = {name: draft.declaration.cls for name, draft in self.drafts.items()}
        for draft in self.drafts.values():
            draft.declaration.known = known
        for draft in self.drafts.values():
            self._fields(draft)
        for draft in self.drafts.values():
            self._to_many(draft)
        for draft in self.drafts.values():
            for name, found in tuple(draft.fields.items()):
                if found.computed is not None:
                    self._work_out(draft, name)
            self._stamps(draft)
            self._batches(draft)
            self._names(draft)
        built = {name: self._resource(draft) for name, draft in self.drafts.items()}
        reports = self._free_reports()
        verbs = {r.path: (*r.verbs, *r.actions, *r.reports) for r in built.values()}
        if reports:
            verbs[m.REPORTS] = tuple(reports)
        roles = expand(self.declared_roles, verbs, self.problems)
        interfaces = known_interfaces(self.interfaces, built, self.problems)
        self.problems.settle()
        return m.Model(built, roles, reports, interfaces)

    # -- the world that expressions see ---------------------------------------------------------------------

    def fields(self, resource: str) -> Collection[str]:
        return self.drafts[resource].fields

    def relations(self, resource: str) -> Mapping[str, m.Relation]:
        return self.drafts[resource].relations

    def resources(self) -> Collection[str]:
        return self.drafts

    def roles(self) -> Collection[str]:
        return self.declared_roles

    def spoilt(self, resource: str, name: str) -> bool:
        return name in self.drafts[resource].spoilt

    def held(self, resource: str, field: str) -> Held:
        draft = self.drafts[resource]
        if draft.fields[field].computed is not None:
            self._work_out(draft, field)
            if field in draft.spoilt:
                raise Spoilt(field)
        found = draft.fields[field]
        return Held(found.type, found.nullable, found.target)

    # -- names ----------------------------------------------------------------------------------------------

    def _open(self, cls: type[Resource]) -> None:
        declaration = cls.__declaration__
        name, place = cls.__name__, declaration.place
        singular = snake(name)
        if declaration.plural is not None and not isinstance(declaration.plural, str):
            self.problems.add(
                place, name, f"the plural {declaration.plural!r} is not a text", 'write plural="people"'
            )
            declaration = replace(declaration, plural=None)
        draft = Draft(
            declaration, source_of(cls, place), name, singular, declaration.plural or plural_of(singular)
        )
        if name in self.drafts:
            if self.drafts[name].declaration.cls is not cls:
                first = self.drafts[name].declaration.place
                self.problems.add(
                    place, name, f"there is another {name} at {first.file}:{first.line}", "rename one of them"
                )
            return
        if any(base is not Resource and isinstance(base, type(Resource)) for base in declaration.bases):
            self.problems.add(place, name, "it derives from another resource", "derive from Resource alone")
        if not NAME.fullmatch(draft.plural):
            self.problems.add(
                place, name, f"the plural {draft.plural!r} is not in snake_case", 'write plural="people"'
            )
        if draft.plural.startswith("hw_") or len(draft.plural) > MAX_NAME:
            mend = f"use at most {MAX_NAME} letters, and not the prefix hw_"
            self.problems.add(place, name, f"the plural {draft.plural!r} cannot name a table", mend)
        if self.free_reports and kebab(draft.plural) == m.REPORTS:
            message = f"the plural {draft.plural!r} is the path of reports that belong to no resource"
            self.problems.add(place, name, message, "give it another: plural=")
        prefix = declaration.prefix
        if prefix is not None and not re.fullmatch("[a-z]([a-z_]{0,61}[a-z])?", prefix):
            self.problems.add(
                place,
                name,
                f"the prefix {prefix!r} is not a TypeID prefix",
                "use lower-case letters and _ between",
            )
        for other in self.drafts.values():
            if other.plural == draft.plural:
                self.problems.add(
                    place,
                    name,
                    f"{other.name} has the plural {draft.plural!r} too",
                    "give one another: plural=",
                )
        self.drafts[name] = draft

    def _prefix(self, draft: Draft) -> str:
        return draft.declaration.prefix or re.sub("[^a-z_]", "", draft.singular)

    def _names(self, draft: Draft) -> None:
        """Names that mean two things."""
        wires: dict[str, str] = {}
        columns: dict[str, str] = {}
        members: list[tuple[str, m.Field | m.Relation]] = [*draft.fields.items(), *draft.relations.items()]
        for name, found in members:
            if (other := wires.setdefault(found.wire, name)) != name:
                mend = f"rename it or {other}"
                self._complain(draft, name, f"its wire name {found.wire!r} is also that of {other}", mend)
            elif isinstance(found, m.Field) and found.column != "id":
                self._columns(draft, found, columns)
        spelt = camel(f"{draft.singular}_type")
        if "type" in wires and spelt in wires:
            message = f"its wire name {spelt!r} is also that of {wires['type']} in JSON:API"
            self._complain(draft, wires[spelt], message, f"rename it or {wires['type']}")

    def _columns(self, draft: Draft, found: m.Field, taken: dict[str, str]) -> None:
        for column in filter(None, (found.column, found.folded)):
            if (other := taken.setdefault(column, found.name)) != found.name:
                mend = f"rename it or {other}"
                self._complain(draft, found.name, f"its column {column!r} is also that of {other}", mend)
            if len(column) > MAX_NAME:
                mend = f"use at most {MAX_NAME} letters"
                self._complain(draft, found.name, f"its column {column!r} has a name that is too long", mend)

    # -- members --------------------------------------------------------------------------------------------

    def _fields(self, draft: Draft) -> None:
        declaration = draft.declaration
        first, *last = built_in(declaration)
        draft.fields["id"] = first
        keys = [name for name, member in declaration.members.items() if member.options.form == "key"]
        for name in keys[1:]:
            self._complain(draft, name, f"`{keys[0]}` is the natural key already", "use field(unique=True)")
        for name, annotation in declaration.annotations.items():
            if name not in declaration.members and not name.startswith("_"):
                self._stray(draft, name, annotation)
        for name, member in declaration.members.items():
            self._check_name(draft, name)
            if name not in declaration.annotations:
                self._complain(
                    draft, name, "it has no annotation", f"write `{name}: {type(member).__name__}[...] = ...`"
                )
            elif not isinstance(member, Many):
                found = field_of(
                    declaration,
                    name,
                    member,
                    self._doc(draft, name),
                    partial(self._complain, draft, name),
                )
                if found is not None:
                    draft.fields[name] = found
                    if isinstance(member, Reference):
                        self._reference(draft, found)
                else:
                    draft.spoilt.add(name)
        for found in last:
            draft.fields.setdefault(found.name, found)

    def _stray(self, draft: Draft, name: str, annotation: Any) -> None:
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        text = re.sub(r"\bheadwater\.declare\.fields\.", "", text)
        if "ClassVar" in text:
            return
        if re.match(r"(\w+\.)*(Field|Ref|OptRef)\[", text):
            mend = f"write `{name}: {text} = field(default=...)`"
            self._complain(draft, name, "a plain value stands behind it, which is no field", mend)
            return
        if name in draft.declaration.actions or re.match(r"(\w+\.)*(Computed|Many)\[", text):
            mend = "write `= computed(...)` or `= many(...)` behind it; a name means one thing"
            self._complain(draft, name, "it is annotated, but nothing stands behind it", mend)
            return
        self._complain(
            draft,
            name,
            f"`{text}` is not a field",
            f"write `{name}: Field[{text}] = field()`, or `ClassVar[...]`",
        )

    def _check_name(self, draft: Draft, name: str) -> None:
        if name in BUILT_IN:
            self._complain(draft, name, "it is built in", "choose another name")
        elif not NAME.fullmatch(name):
            self._complain(
                draft, name, "the name is not in snake_case", "use a-z and 0-9, and single _ between"
            )

    def _reference(self, draft: Draft, found: m.Field) -> None:
        target = draft.declaration.target(found.name)
        known = self.drafts.get(target.__name__)
        if known is None or known.declaration.cls is not target:
            self._complain(
                draft, found.name, f"its target {target.__name__} is not a resource of this application",
                f"add {target.__name__} to the resources",
            )  # fmt: skip
            return
        draft.relations[found.name] = m.Relation(
            found.name, camel(found.name), "one", target.__name__, found.name, doc=found.doc
        )

    def _to_many(self, draft: Draft) -> None:
        for name, member in draft.declaration.members.items():
            if (
                not isinstance(member, Many)
                or name in draft.spoilt
                or name not in draft.declaration.annotations
            ):
                continue
            try:
                expect_form(draft.declaration.spelt(name), member, name)
                target = draft.declaration.target(name)
            except BadAnnotation as bad:
                self._complain(draft, name, bad.message, bad.mend)
                continue
            if target.__name__ not in self.drafts:
                message = f"its target {target.__name__} is not a resource of this application"
                self._complain(draft, name, message, f"add {target.__name__} to the resources")
                continue
            found = self.problems.attempt(
                draft.place(name), f"{draft.name}.{name}",
                partial(relation_of, draft.declaration, name, member, self._doc(draft, name)),
            )  # fmt: skip
            if found is None:
                draft.spoilt.add(name)
            else:
                draft.relations[name] = found

    def _work_out(self, draft: Draft, name: str) -> None:
        """The expression and the type of a computed field, once."""
        if name in draft.worked_out or name in draft.spoilt:
            return
        if (draft.name, name) in self._working:
            raise Nonsense("it is computed from itself", "break the circle")
        self._working.append((draft.name, name))
        found = self.problems.attempt(
            draft.place(name), f"{draft.name}.{name}", lambda: self._formula(draft, name)
        )
        self._working.pop()
        if found is None:
            draft.spoilt.add(name)
        else:
            draft.fields[name] = found
            draft.worked_out.add(name)

    def _formula(self, draft: Draft, name: str) -> m.Field:
        found, member = draft.fields[name], draft.declaration.members[name]
        assert isinstance(member, Computed)
        assert member.formula is not None
        if not callable(member.formula):
            raise Nonsense("its formula is not a function", "write `computed(lambda: ...)`")
        made = member.formula()
        if not isinstance(made, Expression):
            raise Nonsense(
                f"its formula gives {made!r}, not an expression", "write an expression over fields"
            )
        typed = Typer(self, actor=False).scalar(node_of(made), (draft.name,))
        type = self._computed_type(found.type, typed, member.options.given.get("places"))
        if typed.nullable and not found.nullable:
            raise Nonsense(
                "it may be null, which its annotation does not say",
                "annotate it `Computed[... | None]`, or give a value for null with coalesce()",
            )
        return replace(found, type=type, computed=typed.node)

    def _stamps(self, draft: Draft) -> None:
        """The predicates of the moments that the engine sets."""
        for name, member in draft.declaration.members.items():
            if isinstance(member, Field) and member.when is not None and name in draft.fields:
                subject, made = f"{draft.name}.{name}", partial(self._stamp, draft, member)
                if (stamp := self.problems.attempt(draft.place(name), subject, made)) is None:
                    draft.spoilt.add(name)
                else:
                    draft.fields[name] = replace(draft.fields[name], stamp=stamp)

    def _stamp(self, draft: Draft, member: Field[Any]) -> m.Stamp:
        assert member.when is not None
        when = Typer(self, actor=False).predicate(predicate(member.when()), (draft.name,))
        for node in e.walk(when):
            own = isinstance(node, e.Column) and len(node.path) == 1
            if isinstance(node, e.Column) and (not own or draft.fields[node.path[0]].column is None):
                raise Nonsense(f"it reads {'.'.join(node.path)}, which no write of the row sets", LOCAL)
            if isinstance(node, e.Related | e.Aggregate | e.Now):
                raise Nonsense("it may begin to hold without a write of the row", LOCAL)
        return m.Stamp(when, bool(member.options.given.get("first")))

    def _batches(self, draft: Draft) -> None:
        """The functions of fields that Python works out, and what they need."""
        for name, member in draft.declaration.members.items():
            if isinstance(member, Batched) and name in draft.fields and name not in draft.spoilt:
                subject, made = f"{draft.name}.{name}", partial(self._batch, draft, member)
                if (batch := self.problems.attempt(draft.place(name), subject, made)) is None:
                    draft.spoilt.add(name)
                else:
                    draft.fields[name] = replace(draft.fields[name], batch=batch)

    def _batch(self, draft: Draft, member: Batched[Any]) -> m.Batch:
        assert member.function is not None
        assert member.needs is not None
        function = member.function()
        if not inspect.iscoroutinefunction(function):
            raise Nonsense(
                f"its function is {function!r}, not a coroutine",
                "write `batched(lambda: f)`, with `async def f`",
            )
        if len(inspect.signature(function).parameters) != 2:
            raise Nonsense(
                "its function does not take rows and a reader", "write `async def f(rows, reader)`"
            )
        needs = []
        for need in member.needs():
            node = node_of(need)
            if not isinstance(node, e.Column) or node.root != draft.name or len(node.path) != 1:
                raise Nonsense(
                    f"it needs something else than fields of {draft.name}", "read it by the reader"
                )
            Typer(self, actor=False).scalar(node, (draft.name,))  # complains of what is not there
            needs.append(node.path[0])
        return m.Batch(function, tuple(dict.fromkeys(n for n in needs if n != "id")))

    def _computed_type(self, annotated: Type, typed: Typed, places: int | None) -> Type:
        made = typed.type
        if made is None:
            raise Nonsense("its formula is null", "write an expression over fields")
        scaled = (Kind.DECIMAL, Kind.MONEY)
        if not (
            (annotated.kind in scaled and made.kind in scaled)
            or (annotated.kind is Kind.TEXT and made.kind is Kind.ID)
            or (annotated.kind is made.kind and alike(annotated, made))
        ):
            raise Nonsense(
                f"it is annotated as {annotated.kind.value}, but its formula yields {made.kind.value}",
                "annotate what the formula yields",
            )
        if made.kind is Kind.DECIMAL:
            if places is None and made.places > MAX_PLACES:
                raise Nonsense(
                    f"its formula yields {made.places} places", "round it: computed(..., places=2)"
                )
            return Type(Kind.DECIMAL, made.places if places is None else places)
        if places is not None:
            raise Nonsense(f"`places` means nothing for {made.kind.value}", "leave places out")
        return annotated if made.kind is Kind.ENUM else made

    # -- the whole ------------------------------------------------------------------------------------------

    def _resource(self, draft: Draft) -> m.Resource:
        declaration = draft.declaration
        reports = {mark.name: mark for mark in declaration.reports}
        verbs = _verbs(declaration)
        actions = {
            name: made for name in declaration.actions if (made := self._action(draft, name)) is not None
        }
        asked = {
            found.name: found for q in declaration.reports if (found := self._report(q, draft)) is not None
        }
        reader = Reader(
            name=draft.name,
            table=draft.plural,
            fields=draft.fields,
            verbs=verbs,
            actions=declaration.actions,
            reports=reports,
            of_none={name for name, made in actions.items() if made.on == "collection"}
            | {name for name, made in asked.items() if made.on == "collection"},
            world=self,
            problems=self.problems,
        )
        for statement in declaration.statements:
            reader.statement(statement)
        for name, mark in declaration.actions.items():
            reader.action(name, mark)
        for question in declaration.reports:
            reader.report(question)
        rules = reader.rules
        return m.Resource(
            name=draft.name,
            singular=draft.singular,
            plural=draft.plural,
            path=kebab(draft.plural),
            table=draft.plural,
            prefix=self._prefix(draft),
            key=declaration.key or "id",
            cls=declaration.cls,
            doc=inspect.cleandoc(declaration.cls.__dict__.get("__doc__") or ""),
            fields=draft.fields,
            relations=draft.relations,
            grants=tuple(reader.grants()),
            masks=rules.masks,
            locks=rules.locks,
            checks=tuple(rules.checks),
            uniques=tuple(rules.uniques),
            indexes=tuple(rules.indexes),
            acyclic=tuple(rules.acyclic),
            actions=actions,
            reports=asked,
            exposed=declaration.exposed,
            demands_version=declaration.demands_version,
            trash=declaration.trash,
            plain_list=declaration.plain_list,
            by_wire={found.wire: found for found in draft.fields.values()},
        )

    def _action(self, draft: Draft, name: str) -> m.Action | None:
        mark = draft.declaration.actions[name]
        if name in (*_verbs(draft.declaration), "write", "admin"):
            self._complain(draft, name, "the name is that of a permission's verb", "choose another name")
        elif not NAME.fullmatch(name):
            self._complain(
                draft, name, "the name is not in snake_case", "use a-z and 0-9, and single _ between"
            )
        path = kebab(name)
        clash = [r.name for r in draft.relations.values() if path in (kebab(r.name), kebab(snake(r.wire)))]
        if clash:
            self._complain(
                draft, name, f"its path {path!r} is also that of the relation {clash[0]}", "rename one"
            )
        method = draft.declaration.cls.__dict__[name]
        if isinstance(method, staticmethod):
            self._complain(draft, name, "it is a static method", "make it a method or a classmethod")
            return None
        try:
            parameters = parameters_of(draft.declaration, name, mark.function)
            result = result_of(draft.declaration, mark.function)
        except BadAction as bad:
            self._complain(draft, name, bad.message, bad.mend)
            return None
        return m.Action(
            name=name,
            path=path,
            on="collection" if isinstance(method, classmethod) else "row",
            function=mark.function,
            parameters=parameters,
            result=result,
            doc=inspect.getdoc(mark.function) or "",
        )

    # -- reports --------------------------------------------------------------------------------------------

    def _report(self, mark: Asked, draft: Draft | None) -> m.Report | None:
        known = {name: other.declaration.cls for name, other in self.drafts.items()}

        def made() -> m.Report:
            if not NAME.fullmatch(mark.name):
                raise Nonsense("the name is not in snake_case", "use a-z and 0-9, and single _ between")
            found = read_report(mark, known)
            if draft is not None:
                self._apart(draft, mark, found)
            return found

        return self.problems.attempt(mark.place, f"report {mark.name}", made)

    def _apart(self, draft: Draft, mark: Asked, found: m.Report) -> None:
        """Raises: Nonsense where a report's verb or path means something else too."""
        if found.name in (*_verbs(draft.declaration), "write", "admin", *draft.declaration.actions):
            raise Nonsense("the name is that of a permission's verb", "choose another name")
        if [other.name for other in draft.declaration.reports].count(mark.name) > 1:
            raise Nonsense(f"{draft.name} has two reports of that name", "rename one")
        taken = {kebab(r.name): r.name for r in draft.relations.values()}
        if found.on == "row" and found.path in taken:
            raise Nonsense(
                f"its path {found.path!r} is also that of the relation {taken[found.path]}", "rename one"
            )
        key = draft.fields[draft.declaration.key or "id"]
        if (
            found.on == "collection"
            and draft.declaration.key
            and re.fullmatch(str(key.limits.pattern), found.path)
        ):
            raise Nonsense(f"its path {found.path!r} could be the {key.name} of a row", "rename it")

    def _free_reports(self) -> dict[str, m.Report]:
        """The reports that belong to no resource, each with who may ask for it."""
        built: dict[str, m.Report] = {}
        for mark in self.free_reports:
            found = self._report(mark, None)
            if found is None:
                continue
            if found.on != "nothing" or found.name in built:
                message = "there are two of that name" if found.name in built else "it belongs to a resource"
                mend = "rename one" if found.name in built else "leave it out of App(reports=...)"
                self.problems.add(mark.place, f"report {mark.name}", message, mend)
                continue
            roles = (mark.to,) if isinstance(mark.to, str) else mark.to
            for role in roles or ():
                if role not in self.declared_roles:
                    self.problems.add(
                        mark.place,
                        f"report {mark.name}",
                        f"there is no role {role!r}",
                        near(role, self.declared_roles),
                    )
            grants = () if roles is None else (m.Grant(frozenset({found.name}), e.TRUE, frozenset(roles)),)
            built[found.name] = replace(found, grants=grants)
        return built

    def _doc(self, draft: Draft, name: str) -> str:
        member = draft.declaration.members[name]
        return str(member.options.given.get("doc") or draft.source.docs.get(name, ""))

    def _complain(self, draft: Draft, name: str, message: str, mend: str) -> None:
        draft.spoilt.add(name)
        self.problems.add(draft.place(name), f"{draft.name}.{name}", message, mend)


def _verbs(declaration: Declaration) -> tuple[str, ...]:
    """What can be done to a resource, beside its actions."""
    return (*VERBS, *TRASH_VERBS) if declaration.trash else VERBS
