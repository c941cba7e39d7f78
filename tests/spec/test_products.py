"""The products: their declarations hold together, and their demo data is what `headwater seed` promises."""

from collections import Counter
from itertools import islice

import pytest

from headwater.declare import build
from headwater.ir.model import Model, Resource
from headwater_products.people import Person
from headwater_products.production import DEMO_ACCOUNTS, RESOURCES, seed


@pytest.fixture(scope="module")
def model() -> Model:
    return build([Person, *RESOURCES])


def test_the_declarations_build(model: Model) -> None:
    assert set(model.resources) == {
        "Person", "Project", "Membership", "Sequence", "Shot", "Task", "TimeLog"
    }  # fmt: skip
    assert model.resources["Project"].key == "code"
    assert model.resources["Person"].prefix == "user"
    assert {"submit", "approve", "request_revision"} <= set(model.resources["Task"].actions)
    assert {"bid", "spent"} <= set(model.resources["Task"].masks)
    assert "bid" in model.resources["Task"].locks


def test_every_reading_rule_is_granted_to_nobody_who_has_not_signed_in(model: Model) -> None:
    for resource in model.resources.values():
        assert any("read" in grant.verbs for grant in resource.grants)
        assert all(grant.roles is None or "guest" not in grant.roles for grant in resource.grants)


def test_an_artist_may_set_no_field_of_a_task_but_its_status(model: Model) -> None:
    task = model.resources["Task"]
    free = {
        name
        for name, field in task.fields.items()
        if field.column and not (field.read_only or field.immutable or name in task.locks)
    }
    assert free == {"status"}


@pytest.mark.parametrize("scale", [0, 1, 3])
def test_the_numbers_of_rows_follow_the_scale(scale: int) -> None:
    batches = list(seed(scale))
    counts = Counter(type(row).__name__ for batch in batches for row in batch)
    assert (counts["Project"], counts["Shot"], counts["Task"]) == (scale, 100 * scale, 1000 * scale)
    assert all(0 < len(batch) <= 500 for batch in batches)


def test_one_project_can_be_big() -> None:
    tasks = Counter(
        row.__dict__["_values"]["project"]
        for batch in seed(2, 1700)
        for row in batch
        if type(row).__name__ == "Task"
    )
    assert sorted(tasks.values()) == [1000, 1700]


def test_a_second_run_gives_the_same_rows() -> None:
    first, second = ([repr(row) for batch in seed(2) for row in batch] for _ in range(2))
    assert first == second


def test_a_larger_seed_begins_with_the_smaller() -> None:
    small = [repr(row) for batch in seed(1) for row in batch]
    assert small == list(islice((repr(row) for batch in seed(2) for row in batch), len(small)))


def test_references_come_first_and_ids_are_unique(model: Model) -> None:
    seen: set[tuple[str, str]] = set()
    for batch in seed(2):
        for row in batch:
            resource: Resource = model.resources[type(row).__name__]
            for name, field in resource.fields.items():
                target = row.__dict__["_values"].get(name) if field.target else None
                assert target is None or (str(field.target), target) in seen
            assert (resource.name, row.id) not in seen
            seen.add((resource.name, row.id))


def test_each_demo_person_takes_part_as_the_story_says() -> None:
    rows = [
        row.__dict__["_values"] for batch in seed(3) for row in batch if type(row).__name__ == "Membership"
    ]
    ids = {account.login: account.id for account in DEMO_ACCOUNTS}
    roles = {
        login: sorted((row["project"], str(row["role"])) for row in rows if row["person"] == id)
        for login, id in ids.items()
    }
    assert roles["admin"] == []
    assert len(roles["supervisor"]) == 3
    assert 0 < len(roles["artist"]) < 3
    assert [role for _, role in roles["client"]] == ["client_reviewer"]
    assert {role for _, role in roles["supervisor"]} == {"supervisor"}
    assert len({(row["project"], row["person"]) for row in rows}) == len(rows)


@pytest.mark.parametrize("given", [(-1, None), (10_001, None), (1, -1)])
def test_nonsense_is_refused(given: tuple[int, int | None]) -> None:
    with pytest.raises(ValueError, match=r"scale|tasks"):
        list(seed(*given))
