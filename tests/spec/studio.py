"""Applications whose load tests go well, and go wrong."""

from __future__ import annotations

from headwater import App, Field, Resource, VirtualUser, allow, field


class Note(Resource):
    """Something to remember."""

    text: Field[str] = field(max_length=200)


class Draft(Resource):
    """Something that editors alone may read."""

    text: Field[str] = field(max_length=200)


allow(Note, "read", "create", to="guest")
allow(Draft, "read", to="editor")


async def astray(user: VirtualUser) -> None:
    """Ask for what is there and for what is not."""
    await user.get("/notes")
    await user.get("/notes/{id}", id="note_01h455vb4pex5vsknk084sn02q")


async def broken(user: VirtualUser) -> None:
    """Fail."""
    await user.get("/notes")
    raise RuntimeError("the scenario is broken")


async def writing(user: VirtualUser) -> None:
    """Leave a note."""
    await user.post("/notes", {"text": "from a user"})


plain = App(title="Studio", resources=[Note, Draft], mode="development")
lost = App(title="Studio", resources=[Note, Draft], scenario=astray, mode="development")
failing = App(title="Studio", resources=[Note, Draft], scenario=broken, mode="development")
leaving = App(title="Studio", resources=[Note, Draft], scenario=writing, mode="development")
