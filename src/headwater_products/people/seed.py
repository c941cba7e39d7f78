"""The people of the demo: the same, with the same ids, whenever it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from unicodedata import normalize
from uuid import UUID

from typeid import TypeID

from headwater import DemoAccount, Resource
from headwater_products.people.resources import (
    Achievement,
    Award,
    Person,
    Preferences,
    Private,
    Progress,
    Theme,
)

SEED = "headwater-production-demo"
EPOCH = datetime(2026, 1, 5, 9, tzinfo=UTC)

COORDINATORS = (
    ("Ada Okafor", "Africa/Lagos"), ("Björn Lindqvist", "Europe/Stockholm"), ("Chiara Moretti", "Europe/Rome"),
    ("Mei-Ling Chen", "Asia/Taipei"), ("Tomás Herrera", "America/Bogota"), ("Noor Rahman", "Asia/Dhaka"),
)  # fmt: skip
ARTISTS = (
    ("matchmove", "Matchmove Artist", "3dequalizer",
     ("Dmitri Volkov", "Hana Kovářová", "Sione Tuilagi")),
    ("roto", "Roto & Prep Artist", "silhouette",
     ("Priya Nair", "Luca Ferri", "Achieng Odhiambo")),
    ("modeling", "Modeller", "zbrush",
     ("Hiro Tanaka", "Greta Hoffmann", "Kwame Mensah", "Salma Benali", "Iva Horvat", "Kenji Mori")),
    ("texturing", "Texture Artist", "mari",
     ("Inés García", "Oskar Nilsson", "Leilani Kealoha")),
    ("rigging", "Rigger", "maya",
     ("Jamal Haddad", "Siobhán Byrne", "Nguyễn Minh Anh")),
    ("layout", "Layout Artist", "usd",
     ("Elif Yılmaz", "Quentin Dubois", "Arash Karimi")),
    ("animation", "Animator", "maya",
     ("Femi Adeyemi", "Katya Petrova", "Sanjay Patel", "Ximena Quispe", "Park Ji-woo", "Ewa Nowak")),
    ("fx", "FX Artist", "houdini",
     ("Rosa Silva", "Matteo Bianchi", "Anahera Ngata", "Yusuf Demir", "Marit Haugen", "Ravi Iyer")),
    ("lighting", "Lighting Artist", "katana",
     ("Tova Berg", "Liam O'Connor", "Zanele Dlamini", "Camille Roux", "Teuila Faleolo")),
    ("compositing", "Compositor", "nuke",
     ("Zoë van Dijk", "Wei Zhang", "Amara Diallo", "Paweł Wiśniewski", "Noa Levi", "Joaquín Reyes")),
)  # fmt: skip
PLACES = ("Wellington", "Montréal", "London", "Mumbai", "Berlin", "São Paulo", "Seoul")
ZONES = (
    "Pacific/Auckland", "America/Toronto", "Europe/London", "Asia/Kolkata", "Europe/Berlin",
    "America/Sao_Paulo", "Asia/Seoul",
)  # fmt: skip
ACHIEVEMENTS = (
    ("first-final", "First final", "A shot that one worked on is final.", 10),
    ("hundred-shots", "A hundred shots", "Worked on a hundred shots.", 50),
    ("clean-sheet", "Clean sheet", "Ten tasks in a row approved without a revision.", 30),
    ("on-time", "On time", "A month of tasks before their deadlines.", 20),
    ("mentor", "Mentor", "Brought a newcomer through a first show.", 40),
)


class Ids:
    """Ids as the products make them: version 7 UUIDs, from seeded random numbers and a time that moves on."""

    def __init__(self, name: str, day: int) -> None:
        self.rng = Random(f"{SEED}:ids:{name}")  # noqa: S311 - demo data is meant to be foreseeable
        self.milliseconds = int((EPOCH + timedelta(days=day)).timestamp() * 1000)

    def new(self, prefix: str) -> str:
        """The next id. The layout of the UUID: RFC 9562, section 5.7."""
        self.milliseconds += 1
        number = self.milliseconds << 80 | 0x7 << 76 | self.rng.getrandbits(12) << 64
        number |= 0b10 << 62 | self.rng.getrandbits(62)
        return str(TypeID.from_uuid(UUID(int=number), prefix))  # type: ignore[arg-type]


def _accounts() -> list[DemoAccount]:
    ids = Ids("accounts", 0)
    named = (
        ("admin", "admin", "Alex Admin"),
        ("supervisor", "user", "Sofia Supervisor"),
        ("artist", "user", "Arun Artist"),
        ("client", "user", "Clara Client"),
    )
    return [DemoAccount(login, role, ids.new("user"), name) for login, role, name in named]


DEMO_ACCOUNTS: list[DemoAccount] = _accounts()


class Crew:
    """The persons of the demo by what they do. `artists` are by department, and the demo's artist lights."""

    def __init__(self) -> None:
        rng = Random(f"{SEED}:people")  # noqa: S311
        ids = Ids("people", 0)
        self.people = [Person(id=a.id, name=a.name, login=a.login) for a in DEMO_ACCOUNTS]
        self.account = {person.login: person.id for person in self.people}
        self.coordinators = []
        for name, zone in COORDINATORS:
            person = self._person(ids.new("user"), name, "Production Coordinator", zone)
            self.coordinators.append(person.id)
        self.artists: dict[str, list[str]] = {}
        self.shows: Counter[str] = Counter()  # in how many shows somebody is
        for department, title, skill, names in ARTISTS:
            for n, name in enumerate(names):
                place = rng.randrange(len(PLACES))
                senior = "Lead " if n == 0 else "Junior " if n == len(names) - 1 else ""
                person = self._person(ids.new("user"), name, senior + title, ZONES[place])
                person.skills = [skill, *(["python"] if rng.random() < 0.3 else [])]
                person.location = PLACES[place]
                person.public = [p for p in Private if p is not Private.BIRTHDAY and rng.random() < 0.5]
                self.artists.setdefault(department, []).append(person.id)
        titles = {"supervisor": "VFX Supervisor", "artist": "Lighting Artist", "client": "Post Producer"}
        for person in self.people:
            person.title = titles.get(person.login, person.title)

    def _person(self, id: str, name: str, title: str, zone: str) -> Person:
        login = login_of(name)
        theme = Preferences(theme=(Theme.DARK, Theme.SYSTEM, Theme.LIGHT)[len(self.people) % 3])
        person = Person(id=id, name=name, login=login, title=title, time_zone=zone, preferences=theme)
        person.email = f"{login}@example.com"
        self.people.append(person)
        return person

    def rows(self) -> Iterator[list[Resource]]:
        """Everybody, and what they have achieved."""
        rng = Random(f"{SEED}:achievements")  # noqa: S311
        ids = Ids("achievements", 0)
        yield [*self.people]
        found = [
            Achievement(code=code, product="production", name=name, description=text, points=points)
            for code, name, text, points in ACHIEVEMENTS
        ]
        artists = [person for people in self.artists.values() for person in people]
        rows: list[Resource] = [*found]
        for person in [self.account["artist"], *rng.sample(artists, 15)]:
            some = rng.sample(found[1:], rng.randrange(0, 3))
            rows += [Award(id=ids.new("award"), person=person, achievement=a) for a in (found[0], *some)]
        for person in (self.account["artist"], *artists[:10]):
            done = rng.randrange(0, 13)
            rows.append(
                Progress(
                    id=ids.new("progress"),
                    person=person,
                    product="learning",
                    topic="Studio onboarding",
                    done=done,
                    total=12,
                )
            )
        yield rows


def login_of(name: str) -> str:
    """A login such as `bjorn.lindqvist` for a name in Latin letters."""
    text = name.lower().replace("ı", "i").replace("ł", "l").replace("đ", "d").replace("'", "")
    plain = "".join(letter for letter in normalize("NFD", text) if letter.isascii())
    return plain.replace(" ", ".").replace("-", "")
