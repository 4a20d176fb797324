"""What the document has no words for, one place each; the checks are as strict about all else."""

import itertools
import re
import unicodedata
from urllib.parse import unquote

import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.generation import GenerationMode
from schemathesis.openapi.checks import AllowHeaderMismatch, RejectedPositiveData

INVALID_ARGUMENT = 3
BELOW_THE_LEAST = -(2**63) - 1

# A rule that a schema cannot state: the reason, and the field where it is one of some.
UNSAID = [
    # Two parts of a request, or a part and the body, that exclude each other.
    ("FIELD_CONFLICT", None),
    # A removal names a range or says `all`: any of four parameters.
    ("FIELD_MISSING", "range"),
    # Lengths are in bytes, and a schema counts characters.
    ("FIELD_TOO_LARGE", None),
    # A time lies ahead of the server's clock.
    ("FIELD_OUT_OF_RANGE", "expire_time"),
    # A token is one that the server gave; a version, one that it has reached.
    ("FIELD_MALFORMED", "page_token"),
    ("VERSION_AHEAD", None),
    # A least bound above the greatest.
    ("FIELD_OUT_OF_RANGE", "min"),
    # With `kind=number` the body is one.
    ("FIELD_MALFORMED", "value.number"),
]

# Of these a request has one. A flag that says false counts as none.
EXCLUSIVE = [
    ("query", ["ttl", "expire_time", "never_expire", "keep_expiry"]),
    ("query", ["after_version", "snapshot"]),
    ("headers", ["If-Match", "If-None-Match"]),
]

BOUNDS = ["prefix", "start", "end"]
IDEMPOTENCY_KEY = "Idempotency-Key"

VERSION = re.compile(r'version": *"([0-9]+)"', re.IGNORECASE)

turns = itertools.count()
ids_given = set()
versions = []


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes of parts that are right each for itself a request that is right as a whole.

    Else nearly all that should be taken would be refused, by the rules of UNSAID or since an id
    was given before, and little would be seen of the answers.
    """
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if str(case.meta.phase.name) == "stateful":
        # A sequence that failed is made again, and has to be the same.
        return
    for part, names in EXCLUSIVE:
        leave_one(case, getattr(case, part), names)
    if (case.method, case.operation.path) == ("DELETE", "/v1/entries"):
        name_a_range(case.query)
    if IDEMPOTENCY_KEY in (case.headers or {}):
        give_once(case)
    if case.operation.path == "/v1/watch" and versions and next(turns) % 2:
        for part, name in [(case.query, "after_version"), (case.headers, "Last-Event-ID")]:
            if part and name in part:
                part[name] = versions[-1]


@schemathesis.hook
def after_call(context, case, response):
    """Notes the versions that the server tells, of which one can go on from the last."""
    versions.extend(VERSION.findall(response.text))


def leave_one(case, part, names):
    given = [name for name in names if part and part.get(name) not in (None, False, "false")]
    if len(given) < 2:
        return
    # The one that the case is about, or each in its turn.
    about = getattr(case.meta.phase.data, "parameter", None)
    left = about if about in given else given[next(turns) % len(given)]
    for name in given:
        if name != left:
            del part[name]


def name_a_range(query):
    if query.get("all") in (True, "true"):
        for name in BOUNDS:
            query.pop(name, None)
    elif not any(query.get(name) for name in BOUNDS):
        query["prefix"] = "a"


def give_once(case):
    if isinstance(case.body, dict) and {"requestId", "request_id"} & case.body.keys():
        # It stands there.
        del case.headers[IDEMPOTENCY_KEY]
    elif case.headers[IDEMPOTENCY_KEY] in ids_given:
        case.headers[IDEMPOTENCY_KEY] = f"another-{next(turns)}"
    else:
        ids_given.add(case.headers[IDEMPOTENCY_KEY])


@schemathesis.check
def what_is_right_is_taken(context, response, case):
    """positive_data_acceptance, but for the rules of UNSAID.

    What a link takes over from an answer, a value for example, goes into the
    path unchecked: as a key it may break the document's own rule.
    """
    try:
        return CHECKS.get_one("positive_data_acceptance")(context, response, case)
    except RejectedPositiveData:
        if response.status_code == 400 and (is_unsaid(response.json()) or has_controls(case)):
            return None
        raise


@schemathesis.check
def what_is_wrong_is_refused(context, response, case):
    """negative_data_rejection; an operation of a batch is refused in its place.

    A number in JSON is a double to protobuf's mapping: the one below the least
    of 64 bits is that.
    """
    try:
        return CHECKS.get_one("negative_data_rejection")(context, response, case)
    except AcceptedNegativeData:
        if case.operation.path == "/v1/batch" and has_refused(response.json()):
            return None
        if str(BELOW_THE_LEAST) in str(case.body):
            return None
        raise


@schemathesis.check
def what_may_be_asked_is_told(context, response, case):
    """allow_header_conformance; a path that ends in a verb is also that of a key that ends so."""
    try:
        return CHECKS.get_one("allow_header_conformance")(context, response, case)
    except AllowHeaderMismatch:
        paths = paths_of(case)
        declared = {method.upper() for path in paths for method in case.operation.schema[path]}
        told = set(response.headers["allow"][0].split(", "))
        if len(paths) > 1 and told == declared | {"OPTIONS"}:
            return None
        raise


def paths_of(case):
    path = case.operation.path
    entry = "/v1/entries/{key}"
    return [path, entry] if path.startswith(f"{entry}:") else [path]


def has_controls(case):
    key = unquote((case.path_parameters or {}).get("key", ""))
    return any(unicodedata.category(character) == "Cc" for character in key)


def is_unsaid(problem):
    field = problem["metadata"].get("field", "").rpartition(".")
    return any(
        problem["reason"] == reason and name in (None, "".join(field), field[2])
        for reason, name in UNSAID
    )


def has_refused(batch):
    failures = (result.get("failure", {}) for result in batch.get("results", []))
    return any(failure.get("code") == INVALID_ARGUMENT for failure in failures)
