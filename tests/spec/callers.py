"""One caller of each kind that the demo product tells apart."""

from headwater.testing import Client

ROLES = {"artist": "artist", "supervisor": "supervisor", "client": "client_reviewer"}
"""Those who take part in the project, and as what."""
CALLERS = ("anonymous", "guest", "artist", "other", "supervisor", "client", "editor", "admin")
"""`guest` has signed in and takes part in nothing, `other` in another project. `editor` has the most powerful role
beside admin. The most powerful comes last."""


async def sign_up_each(visitor: Client) -> dict[str, Client]:
    """A client for each of `CALLERS`."""
    callers = {"anonymous": visitor}
    for name in CALLERS[1:]:
        callers[name] = await visitor.sign_up(name, name if name in ("editor", "admin") else "user")
    return callers


async def take_part(callers: dict[str, Client], project: str, elsewhere: str) -> None:
    """Make a member of each who has a role."""
    roles = [(project, name, role) for name, role in ROLES.items()] + [(elsewhere, "other", "artist")]
    for code, name, role in roles:
        body = {"projectId": code, "personId": callers[name].id, "role": role}
        reply = await callers["admin"].post("/api/v1/memberships", body)
        assert reply.status == 201, reply.body
