"""An application for the playground: guests may read its albums and songs."""

from headwater import App, Field, Many, Ref, Resource, allow, field, many, ref


class Album(Resource):
    """Songs that were published together."""

    title: Field[str] = field(max_length=80)
    songs: Many["Song"] = many(lambda: Song.album, init=False)


class Song(Resource):
    """A song of an album."""

    title: Field[str] = field(max_length=80)
    album: Ref[Album] = ref(on_delete="cascade")


for resource in (Album, Song):
    allow(resource, "read", to="guest")
app = App(title="Playing", resources=[Album, Song])
