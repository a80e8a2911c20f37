"""What is a failure: one result at a time."""

import re
from dataclasses import dataclass

from psycopg.pq import DiagnosticField, ExecStatus
from world import CANARY, OWN_OF_DDL

# PostgreSQL's own internal errors. A query that is stored, such as the body of a function in SQL, and the type of a
# table's rows name the table by OID, so that one that was dropped while they waited for it is found to be missing late.
# The others are these, by the function of its source that raises them. They are excused only where they are
# raised for the statement itself, not for one that a function of ours runs: then there is a context.
OWN_OF_POSTGRES = {
    # Between the look-up of a function by its name and its call nothing keeps it from being dropped.
    "fmgr_info_cxt_security": r"cache lookup failed for function \d+",
    # Nor does anything keep the type of a prepared statement's parameter.
    "getBaseTypeAndTypmod": r"cache lookup failed for type \d+",
    # Nor the type of a call's argument.
    "format_type_extended": r"cache lookup failed for type \d+",
}
# What a call in a DO block has of it around its own context.
OF_BLOCK = re.compile(r'(^|\n)SQL statement "(?:(?!\nSQL statement ").)*"\nPL/pgSQL function inline_code_block line \d+ at \w+$', re.S)
LEAK = r"leak|problem in alloc set|not the owner|still referenced|expected one dependency"
GONE = ("57P01", "57P02", "57P03")


@dataclass
class Failure:
    check: str
    what: str


def valid(content, encoding):
    if encoding == "UTF8":
        try:
            content.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return True
    return EUC_JP.fullmatch(content) is not None


EUC_JP = re.compile(rb"(?:[\x01-\x7f]|\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe]{2}|[\xa1-\xfe]{2})*")
# What no value of the round holds but a mutated rollup. A byte below a blank is what memory that is not ours looks like most often.
CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# A date or a small number that is taken for a time.
EPOCH = re.compile(rb"(2000-01-01|1999-12-31|01[./]01[./]2000) .*\d\d:\d\d:\d\d\.\d{3,6}")


# Results that must be failures, and of which check.
PROOFS = [
    ("bytes", f"SELECT repeat('x', 10) || '{CANARY}'"),
    ("bytes", "SELECT chr(1) AS endpoint"),
    ("bytes", "SELECT timestamptz '2000-01-01 00:00:00.009+00' AS created_at"),
    ("bytes", f"DO $$ BEGIN RAISE '{CANARY}'; END $$"),
    ("internal", "DO $$ BEGIN RAISE SQLSTATE 'XX000'; END $$"),
    ("internal", "DO $$ BEGIN RAISE SQLSTATE 'XX001' USING MESSAGE = 'cache lookup failed for function 5'; END $$"),
]


def judge(statement, result, encoding):
    """The failure that the result is, or None."""
    if result.status == ExecStatus.FATAL_ERROR:
        return judge_error(statement, Error(result))
    for row in range(result.ntuples):
        for column in range(result.nfields):
            value = result.get_value(row, column)
            if value is None:
                continue
            failure = judge_value(statement, result.fname(column) or b"", value, encoding)
            if failure is not None:
                return failure
    return None


def judge_value(statement, name, value, encoding):
    if CANARY.encode() in value:
        return Failure("bytes", f"the canary came out in column {name!r}: {value[:200]!r}")
    if statement.binary:
        return None
    if not valid(value, encoding):
        return Failure("bytes", f"column {name!r} is not valid in {encoding}: {value[:200]!r}")
    if CONTROL.search(value) and not (statement.function and "rollup" in statement.function.signature):
        return Failure("bytes", f"column {name!r} holds control characters: {value[:200]!r}")
    if name == b"created_at" and EPOCH.match(value):
        return Failure("bytes", f"a time that no delivery has: {value!r}")
    return None


class Error:
    def __init__(self, result):
        def of(which):
            content = result.error_field(which)
            return content.decode("utf-8", "replace") if content is not None else ""

        self.raw = result.error_message or b""
        self.state = of(DiagnosticField.SQLSTATE)
        self.severity = of(DiagnosticField.SEVERITY_NONLOCALIZED)
        self.message = of(DiagnosticField.MESSAGE_PRIMARY)
        self.context = of(DiagnosticField.CONTEXT)
        self.file = of(DiagnosticField.SOURCE_FILE)
        self.function = of(DiagnosticField.SOURCE_FUNCTION)

    def __str__(self):
        where = f" ({self.function}, {self.file})" if self.function else ""
        context = f"; {self.context}" if self.context else ""
        return f"{self.severity} {self.state}: {self.message}{where}{context}"


def judge_error(statement, error):
    if CANARY.encode() in error.raw:
        return Failure("bytes", f"the canary came out in an error: {error}")
    if error.severity in ("FATAL", "PANIC") and error.state not in GONE:
        return Failure("sessions", str(error))
    if error.state.startswith("XX") and not excused(statement, error):
        return Failure("internal", str(error))
    if not error.state:
        return Failure("sessions", f"an error without a state: {error.raw!r}")
    return None


def excused(statement, error):
    if error.file.endswith((".cpp", ".hpp")):
        return False
    if statement.function is None:
        return re.match(OWN_OF_DDL, error.message) is not None
    context = OF_BLOCK.sub("", error.context)
    if error.function == "relation_open" and re.fullmatch(r"could not open relation with OID \d+", error.message):
        stored = re.fullmatch(r'SQL function "\w+"( statement \d+| during startup)?', context) is not None
        return stored or (not context and statement.function.of_rows)
    if re.fullmatch(r"tuple concurrently (updated|deleted)", error.message):
        return re.match(r'SQL statement "(GRANT|REVOKE) ', context) is not None  # against a GRANT or a rename by hand
    if error.function == "CheckVarSlotCompatibility" and statement.sql.startswith("EXECUTE"):
        return statement.function.of_rows  # a plan of rows to whose table a column was added since
    # The parser names the types of a call's arguments in "function ... does not exist". Ours name types of columns, so only
    # a type that goes with the extension is excused.
    if error.function == "format_type_extended" and "delivery_rollup" not in statement.function.signature:
        return False
    own = OWN_OF_POSTGRES.get(error.function)
    return own is not None and not context and re.fullmatch(own, error.message) is not None


def judge_notice(error):
    if CANARY.encode() in error.raw:
        return Failure("bytes", f"the canary came out in a notice: {error}")
    if error.severity == "WARNING" and re.search(LEAK, error.message):
        return Failure("internal", str(error))
    return None
