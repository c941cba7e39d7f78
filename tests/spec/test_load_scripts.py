"""`headwater bench --script`: the same load from k6 or Artillery.

Neither tool is run here: Artillery takes half a gigabyte, and k6 comes from no registry that tests install from. Node
runs the scripts instead, with real requests, between functions that stand for those of the tools (`tests/tools`).
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from headwater.base.node import NodeFailed, Workshop
from headwater.operate.load import PROFILES
from tests.served import Served, serving
from tests.spec.test_load import DEMO, STUDIO, bench, seen

TOOLS = Path(__file__).parents[1] / "tools"
LOGINS = ("admin", "supervisor")
PASSWORDS = {login: f"demo-{login}-headwater" for login in LOGINS}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    url = f"sqlite:///{tmp_path_factory.mktemp('demo')}/test.db"
    with serving(DEMO, url, {}, seeded=50) as served:
        yield served


def scripted(folder: Path, tool: str, *arguments: str) -> Path:
    """The script that the command prints."""
    done = bench(*arguments, "--script", tool)
    assert done.returncode == 0, done.stderr
    script = folder / f"load.{'cjs' if tool == 'artillery' else 'mjs'}"
    script.write_text(done.stdout)
    return script


def run(tool: str, script: Path, *arguments: str, **environment: str) -> Any:
    """What came of a script, run by the stand-in for its tool. Raises NodeFailed."""
    program = script.parent / ("k6.mjs" if tool == "k6" else "artillery.cjs")
    program.write_text((TOOLS / ("k6.js" if tool == "k6" else "artillery.cjs")).read_text())
    return json.loads(Workshop(script.parent).node(program, str(script), *arguments, **environment))


def tokens(served: Served) -> str:
    """An access token for each account, as somebody gets them who signs in."""

    def sign_in(login: str) -> str:
        body = {"username": login, "password": PASSWORDS[login]}
        answer = requests.post(f"{served.url}/api/v1/auth/login", json=body, timeout=20)
        return str(answer.json()["accessToken"])

    return ",".join(map(sign_in, LOGINS))


def asked(found: Any) -> Counter[str]:
    """What a script has asked for, by kind."""
    return Counter(request["name"].partition("?")[0] for request in found["requests"])


def of(served: Served, *more: str) -> list[str]:
    return [served.url, *(part for login in LOGINS for part in ("--account", login)), *more]


@pytest.mark.parametrize("tool", ["k6", "artillery"])
def test_a_script_asks_what_the_command_asks(demo: Served, tmp_path: Path, tool: str) -> None:
    """The same kinds of requests in the same measure, signed in as the same accounts, and the server answers them."""
    report = json.loads(bench(*of(demo, "--duration", "3", "--json")).stdout)
    script = scripted(tmp_path, tool, *of(demo, "--duration", "3"))
    before = seen(demo)
    found = run(tool, script, *(["10", "10"] if tool == "k6" else ["50"]), API_TOKENS=tokens(demo))
    assert {request["status"] for request in found["requests"]} <= {200, 201}
    assert asked(found) == seen(demo) - before
    told = {kind["name"]: kind["requests"] for kind in report["requests"]}
    names = Counter(request["name"] for request in found["requests"])
    assert set(names) == set(told)
    once = "GET /api/v1/tasks"
    for name in told.keys() - {"GET /api/v1/projects"}:  # once for each user
        often = (names[name] / names[once]) / (told[name] / told[once])
        assert 0.4 < often < 2.5, name  # some turns find no tasks, which is drawn by lot
    assert names["GET /api/v1/projects/{id}/tasks"] == pytest.approx(names[once], rel=0.02)


def test_k6_is_told_the_profile_and_the_targets(demo: Served, tmp_path: Path) -> None:
    script = scripted(tmp_path, "k6", *of(demo, "--profile", "spike"))
    found = run("k6", script, "2", "2", API_TOKENS=tokens(demo))
    profile = PROFILES["spike"]
    (scenario,) = found["options"]["scenarios"].values()
    assert (scenario["executor"], scenario["startVUs"]) == ("ramping-vus", 0)
    assert scenario["stages"] == [
        {"duration": f"{stage.seconds * 1000:.0f}ms", "target": stage.users} for stage in profile.stages
    ]
    assert found["options"]["thresholds"] == {
        "http_req_duration": ["avg<100", "p(95)<200", "p(99)<500"],
        "errors": ["rate<0.001"],
        "timeouts": ["rate<0.0005"],
        "http_reqs": ["rate>100"],
        "database": ["avg<50"],
    }
    number = len(found["requests"])
    assert found["metrics"]["errors"] == found["metrics"]["timeouts"] == [0] * number
    assert len(found["metrics"]["database"]) == number
    assert sum(found["metrics"]["database"]) > 0
    assert len(found["pauses"]) == number
    assert 0 < sum(found["pauses"]) / number < 2 * profile.pause
    assert {request["timeout"] for request in found["requests"]} == {"10s"}


def test_artillery_is_told_the_profile_and_the_targets(demo: Served, tmp_path: Path) -> None:
    script = scripted(tmp_path, "artillery", *of(demo, "--profile", "spike", "--duration", "2"))
    found = run("artillery", script, "6", API_TOKENS=tokens(demo))
    phases = found["config"]["phases"]
    assert [phase.get("arrivalCount", 0) for phase in phases] == [20, 0, 180, 0, 0, 0]
    times = [int(re.fullmatch(r"(\d+)ms", phase.get("duration") or phase["pause"])[1]) for phase in phases]  # type: ignore[index]
    assert sum(times) == pytest.approx(2000, abs=len(times))
    conditions = [condition["expression"] for condition in found["config"]["plugins"]["ensure"]["conditions"]]
    assert conditions == [
        "http.response_time.mean < 100",
        "http.response_time.p95 < 200",
        "http.response_time.p99 < 500",
        "bench.errors / bench.sent * 100 < 0.1",
        "bench.timeouts / bench.sent * 100 < 0.05",
        "bench.timely / 2 > 100",
        "bench.database.mean < 50",
    ]
    sent = len(found["requests"])
    counters = found["counters"]
    assert (counters["bench.sent"], counters["bench.errors"], counters["bench.timeouts"]) == (sent, 0, 0)
    assert 0 < counters["bench.timely"] <= sent
    assert len(found["histograms"]["bench.database"]) == sent


@pytest.mark.parametrize("tool", ["k6", "artillery"])
def test_refusals_count_as_errors_and_nothing_is_said_of_a_database_that_nobody_knows_of(
    tmp_path: Path, tool: str
) -> None:
    """Nobody is signed in, half of what is asked for is not there, and the server does not tell its database's time."""
    with serving(f"{STUDIO}:lost", f"sqlite:///{tmp_path}/test.db", {}) as served:
        script = scripted(tmp_path, tool, served.url, "--app", f"{STUDIO}:lost", "--duration", "1")
        found = run(tool, script, *(["1", "3"] if tool == "k6" else ["2"]))
    statuses = Counter(request["status"] for request in found["requests"])
    assert set(statuses) == {200, 404}
    refused = sum(found["metrics"]["errors"]) if tool == "k6" else found["counters"]["bench.errors"]
    assert refused == statuses[404]
    asked_for = found["options"]["thresholds"] if tool == "k6" else found["config"]["plugins"]["ensure"]
    assert "database" not in json.dumps(asked_for)


@pytest.mark.parametrize("tool", ["k6", "artillery"])
def test_a_script_that_is_given_no_token_says_whose(demo: Served, tmp_path: Path, tool: str) -> None:
    """It holds none itself, and no password."""
    script = scripted(tmp_path, tool, *of(demo))
    with pytest.raises(NodeFailed, match="API_TOKENS has no token for supervisor"):
        run(tool, script, "1", "1", API_TOKENS="one")
    text = script.read_text()
    assert not [secret for secret in (*PASSWORDS.values(), "Bearer ey") if secret in text]


def test_a_script_that_cannot_be_made_is_told(demo: Served) -> None:
    unknown = bench(demo.url, "--script", "k7")
    assert (unknown.returncode, "did you mean 'k6'?" in unknown.stderr) == (2, True)
    both = bench(demo.url, "--script", "k6", "--json")
    assert (both.returncode, both.stdout) == (2, "")
    away = bench("http://127.0.0.1:1", "--script", "k6")
    assert (away.returncode, away.stdout) == (1, "")
    assert "does not answer" in away.stderr
