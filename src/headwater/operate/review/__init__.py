"""The review of declarations against the guidelines of `standards.md`: what `headwater check` says.

Mistakes that keep an application from being built are `build`'s; this finds what works and should be otherwise.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from headwater.base.errors import DeclarationError, DeclarationErrors, nearest
from headwater.declare.resource import Resource
from headwater.declare.rules import Accept, Role
from headwater.ir.model import Model
from headwater.operate.review.access import permissions, speed
from headwater.operate.review.naming import naming
from headwater.operate.review.reports import free_reports, reports
from headwater.operate.review.standard import STANDARDS, Severity
from headwater.operate.review.subject import Found, Subject
from headwater.operate.review.values import formats, integrity, limits, states
from headwater.operate.review.words import descriptions, errors

EVERYWHERE: Final[Sequence[Callable[[Subject], Iterator[Found]]]] = (
    naming,
    formats,
    limits,
    integrity,
    states,
    errors,
    speed,
)
SHOWN: Final[Sequence[Callable[[Subject], Iterator[Found]]]] = (descriptions, permissions, reports)


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach of a rule. `section` is its place in the guidelines, which `headwater check --explain RULE` prints;
    `accepted` is the author's reason, if there is one."""

    rule: str
    severity: Severity
    file: str
    line: int
    subject: str
    message: str
    mend: str
    section: str
    accepted: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file else ""
        return f"{where}{self.severity}: {self.subject}: {self.message} Mend: {self.mend} [{self.rule}]"

    def facts(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        return asdict(self)


def review(
    model: Model,
    resources: Sequence[type[Resource]],
    roles: Sequence[Role] = (),
    description: str | None = None,
) -> list[Finding]:
    """What is found in the resources of an application, in the order of files and lines; accepted findings too.

    `description` is the application's; None where only resources are reviewed.
    """
    found = [
        _application(rule, subject, message, mend)
        for rule, subject, message, mend in _general(roles, description)
    ]
    found += [_found(breach) for breach in free_reports(model)]
    for cls in resources:
        subject = Subject(model, model.resources[cls.__name__])
        checks = (*EVERYWHERE, *SHOWN) if subject.resource.exposed else EVERYWHERE
        breaches = [breach for check in checks for breach in check(subject)]
        found += _judged(subject, breaches)
    return sorted(found, key=lambda one: (one.file, one.line))


def refused(error: DeclarationError) -> list[Finding]:
    """The mistakes that keep an application from being built, as findings."""
    errors = error.errors if isinstance(error, DeclarationErrors) else (error,)
    return [_mistake(one) for one in errors]


def _mistake(error: DeclarationError) -> Finding:
    file, _, rest = error.where.partition(":")
    line, _, subject = rest.partition(":")
    known = line.isdigit()
    return _finding(
        "declaration", file if known else "", int(line) if known else 0, subject.strip() or error.where,
        error.message, error.mend,
    )  # fmt: skip


def _general(roles: Sequence[Role], description: str | None) -> Iterator[tuple[str, str, str, str]]:
    if description == "":
        mend = "write `App(description=...)`: what the API is for, and for whom"
        yield "application-description", "App", "the application has no description", mend
    for role in roles:
        if not role.doc:
            mend = "write `Role(..., doc=...)`: who has it"
            yield "application-description", f"Role({role.name!r})", "the role has no description", mend


def _application(rule: str, subject: str, message: str, mend: str) -> Finding:
    return _finding(rule, "", 0, subject, message, mend)


def _judged(subject: Subject, breaches: Sequence[Found]) -> Iterator[Finding]:
    """The findings of a resource with the reasons of those that are accepted, and the acceptances that none needs."""
    needed: set[tuple[int, str]] = set()
    for breach in breaches:
        reason = None
        for number, accept in enumerate(subject.declaration.accepted):
            if accept.rule == breach.rule and (not accept.members or breach.member in accept.members):
                needed.add((number, breach.member if accept.members else ""))
                reason = accept.because
        yield _found(breach, reason)
    for number, accept in enumerate(subject.declaration.accepted):
        for member in accept.members or ("",):
            if (number, member) not in needed:
                yield _stale(subject, accept, member)


def _found(breach: Found, reason: str | None = None) -> Finding:
    of = f"{breach.resource}.{breach.member}" if breach.member else breach.resource
    return _finding(
        breach.rule, breach.place.file, breach.place.line, of, breach.message, breach.mend, reason
    )


def _stale(subject: Subject, accept: Accept, member: str) -> Finding:
    of = f"{subject.resource.name}.{member}" if member else subject.resource.name
    if accept.rule not in STANDARDS:
        near = nearest(accept.rule, STANDARDS)
        message = f"it accepts {accept.rule!r}, which is no rule"
        mend = f"did you mean {near!r}?" if near else "choose one of `headwater check --rules`"
    else:
        message, mend = f"it accepts {accept.rule!r}, which is not found here", "remove the acceptance"
    return _finding("stale-acceptance", accept.place.file, accept.place.line, of, message, mend)


def _finding(
    rule: str, file: str, line: int, subject: str, message: str, mend: str, accepted: str | None = None
) -> Finding:
    standard = STANDARDS[rule]
    shown = os.path.relpath(file) if file.startswith(os.getcwd() + os.sep) else file
    return Finding(
        rule, standard.severity, shown, line, subject, _sentence(message), _sentence(mend, capital=False),
        standard.section, accepted,
    )  # fmt: skip


def _sentence(text: str, *, capital: bool = True) -> str:
    begun = text[:1].upper() + text[1:] if capital else text
    return begun if not begun or begun[-1] in ".?!" else begun + "."
