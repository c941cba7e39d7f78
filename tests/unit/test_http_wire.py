"""Strict reading, negotiation, envelopes, errors and entity tags."""

import json
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headwater.base.errors import Detail, Fault
from headwater.http import envelopes, formats, refusals, tags
from headwater.http.decode import MAX_DEPTH, decode_json, decode_query


def refused(body: bytes) -> Fault:
    with pytest.raises(Fault) as caught:
        decode_json(body)
    return caught.value


documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab"\\:é', max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


class TestJson:
    @given(documents, st.booleans())
    @example(["\uf900", {"a": "e\u0301"}], False)
    def test_reads_what_any_json_writer_writes(self, value: Any, ascii_only: bool) -> None:
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
        assert json.dumps(decode_json(body)) == json.dumps(normalised(value))

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b'{"a": 1, "a": 2}', "a"),
            (b'{"a": {"b": [{"c": 1, "d": 2, "c": "x\\"y"}]}}', "a.b[0].c"),
            (b'{"\\u0061": 1, "a": 1}', "a"),
            (b'[{"q\\"": 1, "q\\"": "2"}]', '[0].q"'),
        ],
    )
    def test_a_repeated_name_is_named(self, body: bytes, field: str) -> None:
        fault = refused(body)
        assert [(d.code, d.field) for d in fault.details] == [("INVALID_FORMAT", field)]

    def test_names_that_become_the_same_in_nfc_are_repeated(self) -> None:
        assert refused('{"é": 1, "é": 2}'.encode()).code == "VALIDATION_ERROR"

    @pytest.mark.parametrize(
        ("body", "position"),
        [
            (b'{"a": NaN}', 6),
            (b'{"a": Infinity}', 6),
            (b'{"a": 1,}', 8),
            (b"{} {}", 3),
            (b'{"a": "\xff"}', 7),
            (b'{"a": "\xed\xa0\x80"}', 7),
            (b'{"a": "\\ud800 tail of the text"}', 7),
            (b'{"a": "\\udc00 tail of the text"}', 7),
            (b"\xef\xbb\xbf{}", 0),
            (b"{'a': 1}", 1),
        ],
    )
    def test_what_is_not_json_is_refused_with_its_position(self, body: bytes, position: int) -> None:
        fault = refused(body)
        assert fault.code == "INVALID_FORMAT"
        assert fault.details[0].facts == {"position": position}

    @pytest.mark.parametrize("body", [b"", b"  ", b'{"a": 1e999}', b'{"a": ' + b"1" * 5000 + b"}", b'{"a'])
    def test_what_is_empty_cut_off_or_beyond_numbers_is_refused(self, body: bytes) -> None:
        assert refused(body).code == "INVALID_FORMAT"

    def test_all_problems_are_told_at_once(self) -> None:
        fault = refused(b'{"a": 9223372036854775808, "b": ["x", "y\\u0000"], "c": 1, "c": 2}')
        assert [d.field for d in fault.details] == ["a", "b[1]", "c"]

    def test_the_largest_integers_are_read(self) -> None:
        assert decode_json(b"[9223372036854775807, -9223372036854775808]") == [2**63 - 1, -(2**63)]

    def test_nesting_ends_at_its_limit(self) -> None:
        assert decode_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
        for depth in (MAX_DEPTH + 1, 100_000):
            assert refused(b"[" * depth + b"]" * depth).code == "VALIDATION_ERROR"
        assert refused(b'{"a":' * 33 + b"1" + b"}" * 33).code == "VALIDATION_ERROR"

    def test_text_is_nfc_in_keys_and_values(self) -> None:
        assert decode_json('{"cafe\u0301": ["e\u0301"]}'.encode()) == {"caf\u00e9": ["\u00e9"]}
        assert decode_json(b'"e\\u0301"') == "\u00e9"


def normalised(value: Any) -> Any:
    """A value with its texts in NFC; the names of members are already."""
    match value:
        case str():
            return unicodedata.normalize("NFC", value)
        case list():
            return [normalised(item) for item in value]
        case dict():
            return {name: normalised(item) for name, item in value.items()}
    return value


class TestQuery:
    def test_reads_forms_in_order(self) -> None:
        assert decode_query(b"a=1&b%5Bgte%5D=x+y&a=%C3%A9&c&&d=e%3Df=g") == [
            ("a", "1"),
            ("b[gte]", "x y"),
            ("a", "é"),
            ("c", ""),
            ("d", "e=f=g"),
        ]
        assert decode_query("q=e\u0301".encode()) == [("q", "\u00e9")]

    def test_refuses_what_is_not_text(self) -> None:
        with pytest.raises(Fault) as caught:
            decode_query(b"a=%FF&b=x%00y&c=fine")
        assert [d.parameter for d in caught.value.details] == ["a", "b"]


XML = formats.Format("application/xml", formats.encode_json)


class TestNegotiation:
    @pytest.mark.parametrize(
        ("accept", "chosen"),
        [
            (None, formats.JSON),
            (b"*/*", formats.JSON),
            (b"application/json", formats.JSON),
            (b"application/*;q=0.1", formats.JSON),
            (b"application/xml, application/json;q=0.9", XML),
            (b"application/json;q=0, */*", XML),
            (b"APPLICATION/XML", XML),
            (b"text/html, */*;q=0.1", formats.JSON),
        ],
    )
    def test_the_preferred_format_is_chosen(self, accept: bytes | None, chosen: formats.Format) -> None:
        assert formats.negotiate(accept, (formats.JSON, XML)) is chosen

    @pytest.mark.parametrize("accept", [b"text/html", b"application/json;q=0", b"text/*", b"nonsense"])
    def test_none_is_406(self, accept: bytes) -> None:
        with pytest.raises(Fault) as caught:
            formats.negotiate(accept)
        assert caught.value.status == 406

    def test_body_types(self) -> None:
        accepts = ("application/merge-patch+json", "application/json")
        assert formats.body_type(b"Application/JSON; charset=UTF-8", accepts) == "application/json"
        assert formats.body_type(None, accepts) == "application/merge-patch+json"
        for given_type in (b"text/plain", b"application/json; charset=latin-1"):
            with pytest.raises(Fault) as caught:
                formats.body_type(given_type, accepts, "Accept-Patch")
            assert caught.value.status == 415
            assert caught.value.headers["Accept-Patch"] == "application/merge-patch+json, application/json"


class TestEnvelopes:
    def test_one(self) -> None:
        body = envelopes.one('{"id":"é"}', "req_1", links={"self": "/x"})
        assert json.loads(body) == {
            "data": {"id": "é"},
            "meta": {"requestId": "req_1"},
            "links": {"self": "/x"},
        }

    def test_many(self) -> None:
        body = envelopes.many(['{"a":1}', '{"a":2}'], "req_1", pagination={"limit": 2, "nextCursor": None})
        assert json.loads(body) == {
            "data": [{"a": 1}, {"a": 2}],
            "meta": {"requestId": "req_1", "pagination": {"limit": 2, "nextCursor": None}},
            "links": None,
        }
        assert json.loads(envelopes.many([], "req_1"))["data"] == []

    def test_link_header_leaves_out_what_is_not_there(self) -> None:
        assert envelopes.link_header({"self": "/a?b=c", "prev": None}) == b'</a?b=c>; rel="self"'


class TestErrors:
    def test_the_envelope_holds_every_fact(self) -> None:
        details = [
            Detail("REQUIRED_FIELD", "Missing.", field="a.b", hint="Send it."),
            Detail(
                "INVALID_FORMAT", "No match.", parameter="code", facts={"pattern": "^x$", "nearest": None}
            ),
        ]
        response = refusals.error_response(
            Fault("VALIDATION_ERROR", details=details, facts={"current": 3}), "req_7"
        )
        error = msgspec.json.decode(response.body)["error"]
        assert error.pop("timestamp").endswith("Z")
        assert error == {
            "code": "VALIDATION_ERROR",
            "number": 2001,
            "message": "The request has one or more faults, listed in `details`.",
            "requestId": "req_7",
            "current": 3,
            "details": [
                {"field": "a.b", "code": "REQUIRED_FIELD", "message": "Missing.", "hint": "Send it."},
                {
                    "parameter": "code",
                    "code": "INVALID_FORMAT",
                    "message": "No match.",
                    "pattern": "^x$",
                    "nearest": None,
                },
            ],
        }
        assert response.header(b"cache-control") == b"no-store"

    def test_a_problem_holds_what_the_envelope_does(self) -> None:
        fault = Fault(
            "RATE_LIMIT_EXCEEDED",
            "Slow down.",
            [Detail("INVALID_PARAMETER", "Bad.", parameter="limit")],
            headers={"Retry-After": "7"},
            facts={"tier": "free", "status": "theirs"},
        )
        response = refusals.error_response(fault, "req_7", b"application/problem+json", '/api/v1/a "b"/%20é')
        assert response.header(b"content-type") == b"application/problem+json"
        assert (response.header(b"vary"), response.header(b"retry-after")) == (b"Accept", b"7")
        problem = msgspec.json.decode(response.body)
        assert problem.pop("timestamp").endswith("Z")
        assert problem == {
            "type": "/errors/RATE_LIMIT_EXCEEDED",
            "title": "Too many requests.",
            "status": 429,
            "detail": "Slow down.",
            "instance": "/api/v1/a%20%22b%22/%20%C3%A9",
            "code": "RATE_LIMIT_EXCEEDED",
            "number": 4001,
            "requestId": "req_7",
            "retryAfter": 7,
            "tier": "free",
            "details": [{"parameter": "limit", "code": "INVALID_PARAMETER", "message": "Bad."}],
        }

    @pytest.mark.parametrize(
        ("accept", "problem"),
        [
            (None, False),
            (b"*/*", False),
            (b"application/*", False),
            (b"application/json", False),
            (b"application/problem+json", True),
            (b"Application/Problem+JSON ; q=0.5, */*", True),
            (b"application/json, application/problem+json", True),
            (b"application/json, application/problem+json;q=0.9", False),
            (b"application/json;q=0.5, application/problem+json;q=0.9", True),
            (b"application/problem+json;q=0", False),
            (b"application/problem+json;q=nonsense", False),
        ],
    )
    def test_problems_are_for_those_who_name_them(self, accept: bytes | None, problem: bool) -> None:
        response = refusals.error_response(Fault("RESOURCE_NOT_FOUND"), "r", accept)
        assert (response.header(b"content-type") == b"application/problem+json") is problem
        assert ("error" in msgspec.json.decode(response.body)) is not problem

    def test_401_challenges_and_503_says_when_to_come_back(self) -> None:
        assert refusals.error_response(Fault("AUTHENTICATION_REQUIRED"), "r").header(b"www-authenticate") == (
            b'Bearer realm="headwater"'
        )
        response = refusals.error_response(Fault("RATE_LIMIT_EXCEEDED", headers={"Retry-After": "7"}), "r")
        assert response.header(b"retry-after") == b"7"
        assert msgspec.json.decode(response.body)["error"]["retryAfter"] == 7
        fault = Fault("DATABASE_ERROR")
        response = refusals.error_response(fault, "r")
        assert response.header(b"retry-after") == b"1"
        assert msgspec.json.decode(response.body)["error"]["retryAfter"] == 1
        assert fault.headers == {}, "what is raised stays as it is"

    def test_headers_cannot_be_split(self) -> None:
        response = refusals.error_response(
            Fault("METHOD_NOT_ALLOWED", headers={"Allow": "GET\r\nX-Evil: 1"}), "r"
        )
        assert not any(b"\n" in value or b"\r" in value for _, value in response.headers)


class TestEntityTags:
    def test_any_listed_tag_matches_weakly(self) -> None:
        tag = tags.etag(b"{}", 3)
        assert tag.startswith(b'"3.')
        assert tags.if_none_match(tag, tag)
        assert tags.if_none_match(b"*", tag)
        assert tags.if_none_match(b'"x,y", W/' + tag, tag)
        assert not tags.if_none_match(b'"3.other", "4"', tag)
        assert not tags.if_none_match(None, tag)

    def test_if_match_reads_versions(self) -> None:
        assert tags.if_match(None) is None
        assert tags.if_match(b"*") is None
        assert tags.if_match(b'"3.abc"') == (3,)
        assert tags.if_match(b'"3.abc", W/"4.x", "5", "foreign"') == (3, 5)
        assert tags.if_match(b' , "3.x",, "4"\t, ') == (3, 4)
        assert tags.if_match(b'"foreign"') == ()

    @pytest.mark.parametrize(
        "header", [b"zzz", b"3.abc", b"", b" , ", b'"1" "2"', b'"1", *', b'"1', b'w/"1"']
    )
    def test_if_match_that_is_no_list_of_tags_is_refused(self, header: bytes) -> None:
        with pytest.raises(Fault, match="entity tags in double quotes") as refused:
            tags.if_match(header)
        assert (refused.value.status, refused.value.details[0].parameter) == (400, "If-Match")
