"""What the functions are called with, as SQL expressions: sane values by the argument's name, hostile ones by its type.
In them "@." stands for the extension's schema."""

import json

WORDS = [
    "", "a", "tenant one", "unknown", "日本語", "é", "x" * 300, "it's \"quoted\" \\ %s %n $1 ; --",
    '{"a": [1, null]}', "2026-01-15", "0", "-1", "NULL", "line\nbreak\ttab",
]  # fmt: skip
SOURCES = ["default", "view", "mat", "parted", "local", "typed", "foreign", "calm"]
RELATIONS = ["deliveries", "deliveries_view", "deliveries_mat", "parted", "local_times", "typed", "foreign_deliveries", "calm"]
STATUSES = ["delivered", "failed", "dead_letter", "pending"]


def literal(text):
    return "'" + text.replace("'", "''") + "'" if "\\" not in text else "E'" + escaped(text) + "'"


def escaped(text):
    return text.replace("\\", "\\\\").replace("'", "''")


# By type ------------------------------------------------------------------------------------------------------------

HOSTILE = {
    "text": [literal(word) for word in WORDS]
    + ["NULL", "repeat('x', 1000000)", "repeat('日', 100000)", "E'\\U0001F600'", "chr(65533)", "'a' COLLATE \"C\""]
    + ["'rate'", "'reference'", "'failures'", "'critical'", "'Europe/Berlin'", "'EET'", "'failed'", "'endpoint'"],
    "int4": ["NULL", "0", "1", "-1", "2147483647", "-2147483648", "8760", "8761", "1000", "100000"],
    "int8": ["NULL", "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "4294967296"],
    "bool": ["NULL", "true", "false"],
    "float8": ["NULL", "0", "'-0'", "'NaN'", "'Infinity'", "'-Infinity'", "1e308", "5e-324"],
    "timestamptz": ["NULL"]
    + [
        literal(time)
        for time in (
            "infinity", "-infinity", "4714-11-24 00:00:00+00 BC", "4714-11-25 00:00:00+00 BC", "0001-01-01 00:00+00 BC",
            "294276-12-31 23:59:59.999999+00", "294276-12-01 00:00+00", "2000-01-01 00:00+00", "1970-01-01 00:00+00",
            "1999-12-31 23:59:59.999999+00", "2038-01-19 03:14:08+00", "2024-02-29 12:00+00", "2026-03-29 01:30+00",
        )
    ]
    + ["now()", "clock_timestamp()", "now() + interval '100 years'"],
    "interval": ["NULL"]
    + [
        literal(span)
        for span in (
            "0", "1 microsecond", "-1 microsecond", "1 second", "1 hour", "1 day", "1 month", "1 month -30 days",
            "-1 month 40 days", "178000000 years", "-178000000 years", "2147483647 days", "-2147483648 days",
            "2147483647 months", "2562047788:00:54.775807", "-2562047788:00:54.775807", "1 year 2 days 3 hours",
            "24:00:00.000001", "2147483647 months 2147483647 days",
        )
    ],
    "time": ["NULL", "'00:00'", "'24:00'", "'23:59:59.999999'", "'12:00'"],
    "uuid": ["NULL", "'00000000-0000-0000-0000-000000000000'"],
    "inet": ["NULL", "'0.0.0.0/0'", "'::1'", "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/1'", "'10.1.2.3'"],
    "bytea": ["NULL", "''", "'\\x00'", "decode(repeat('ff', 32), 'hex')", "decode(repeat('00', 100000), 'hex')"],
    "_text": [
        "NULL", "'{}'", "'{NULL}'", "'{{a,b},{c,d}}'", "'[5:6]={a,b}'", "'[-2147483648:-2147483648]={a}'", "'{\"\"}'",
        "array_fill('x'::text, ARRAY[100000])", "ARRAY[repeat('x', 1000000)]", "'{a,a,NULL,b}'", "'{1,2,3}'",
        "'{{{{{{1}}}}}}'",
    ],
    "_int4": [
        "NULL", "'{}'", "'{NULL}'", "'{{1,2},{3,4}}'", "'[5:6]={1,2}'", "'{0}'", "'{8}'", "'{-1,2147483647}'", "'{1,1}'",
        "array_fill(1, ARRAY[100000])", "'[2147483646:2147483646]={7}'", "'{1,2,3,4,5,6,7}'",
    ],
    "jsonb": [
        "NULL", "'null'", "'true'", "'0'", "'\"\"'", "'[]'", "'{}'", "'{\"\": null}'", "'[[[[]]]]'", "'{\"a\": {\"b\": []}}'",
        "'{\"status\": 1}'", "'{\"status\": [\"failed\", null]}'", "'{\"status\": {}}'", "'{\"tenant\": 5}'",
        "'{\"tenant\": null}'", "'{\"endpoint\": [null]}'", "'{\"ids\": [1, null, {}]}'", "'{\"ids\": []}'",
        "'{\"since\": \"infinity\"}'", "'{\"since\": \"x\", \"until\": 3}'", "'{\"hours\": 1e400}'", "'{\"hours\": -0.5}'",
        "'{\"statuses\": {}}'", "'{\"statuses\": []}'", "'{\"statuses\": {\"\": null}}'", "'{\"statuses\": {\"a\": \"failed\"}}'",
        "'{\"statuses\": {\"a\": {\"b\": 1}}}'", "'{\"where\": \"false\"}'", "'{\"where\": \"1/0 > 0\"}'", "'{\"where\": 5}'",
        "'{\"time_zone\": \"EET\"}'", "'{\"created_at\": null}'", "'{\"created_at\": \"ctid\"}'",
        "'{\"created_at\": \"now()\"}'", "'{\"id\": \"tableoid\"}'", "'{\"endpoint\": \"xmin\"}'",
        "'{\"endpoint\": \"(SELECT 1)\"}'", "'{\"endpoint\": \"target) FROM pg_class --\"}'", "'{\"endpoint\": \"*\"}'",
        "'{\"tenant_id\": \"row(1)\"}'", "'{\"tenant_id\": \"ARRAY[tenant_id]\"}'", "'{\"tenant_id\": \"count(*) over ()\"}'",
        "'{\"replay_function\": \"pg_sleep\"}'", "'{\"replay_function\": \"w.put_back(text)\"}'", "'{\"replay_status\": \"\"}'",
        "(SELECT jsonb_object_agg(i, repeat('x', 100)) FROM generate_series(1, 2000) i)",
        "(SELECT jsonb_build_object('ids', jsonb_agg(i::text)) FROM generate_series(1, 20000) i)",
        "(repeat('[', 4000) || repeat(']', 4000))",
    ],
    "regclass": [
        "NULL", "0", "1", "4294967295", "999999", "'pg_class'", "'pg_database'", "'w.deliveries'", "'w.numbers'",
        "'w.deliveries_created_at'", "'w.moment'", "'public.secret'", "'@.delivery_sources'", "'@.operator_audit'",
        "'@.anomalies_active'", "'@.anomaly_events'", "'pg_stat_activity'", "'w.deliveries_view'",
        "(SELECT reltoastrelid FROM pg_class WHERE reltoastrelid <> 0 ORDER BY oid DESC LIMIT 1)",
        "(SELECT oid FROM pg_class WHERE relpersistence = 't' ORDER BY oid LIMIT 1)",
        "(SELECT max(oid::bigint) + 1 FROM pg_class)::oid",
    ],
    "cstring": ["NULL", "''", "'x'", "'\\x'", "'\\x0'", "'\\xzz'", "'\\x00'"],
    "delivery_rollup": ["NULL"],
}  # fmt: skip


# By name ------------------------------------------------------------------------------------------------------------

A_WORD = [literal(word) for word in WORDS]
A_TENANT = ["'t1'", "'t2'", "'日本語'", "'unknown'"]
AN_ENDPOINT = ["'e1'", "'e2'", "'e3'", "'failing'"]
A_STATUS = [literal(status) for status in STATUSES]
A_MOMENT = [f"now() - interval '{minutes} minutes'" for minutes in (0, 1, 30, 90)]
AN_ID = [
    "(SELECT id FROM @.anomalies WHERE status <> 'resolved' ORDER BY id LIMIT 1)", "(SELECT max(id) FROM @.anomalies)", "1", "2", "3",
]  # fmt: skip
FILTERS = [
    {}, {"status": "failed"}, {"status": ["failed", "dead_letter"]}, {"tenant": "t1"}, {"endpoint": "failing"},
    {"hours": 2}, {"ids": ["1", "2", "x"]}, {"tenant": "t2", "status": "delivered"}, {"tenant": None},
]  # fmt: skip

SANE = {
    "source": [literal(name) for name in SOURCES],
    "name": [literal(name) for name in SOURCES],
    "relation": [f"'w.{name}'" for name in RELATIONS],
    "mapping": ["'{}'", "'{\"where\": \"attempts > 0\"}'", "'{\"tenant_id\": \"upper(tenant_id)\"}'"],
    "tenant": A_TENANT,
    "tenant_id": A_TENANT,
    "endpoint": AN_ENDPOINT,
    "status": A_STATUS,
    "tier": ["'viewer'", "'operator'", "'admin'"],
    "role_name": ["'sqlfuzz_operator'", "'sqlfuzz_nobody'"],
    "tenants": ["NULL", "'{t1,t2}'", "'{日本語}'"],
    "triage_label": ["NULL", "'rate_limited'", "'transient_endpoint_down'", "'other'"],
    "method": ["'rate'", "'reference'", "'default'"],
    "order_by": ["'failures'", "'impact'", "'failure_rate'"],
    "tz": ["'UTC'", "'Europe/Berlin'", "NULL"],
    "time_zone": ["'UTC'", "'Asia/Kathmandu'"],
    "severity_cap": ["'warning'", "'critical'", "NULL"],
    "scope": ["'endpoint'", "'fleet'"],
    "error": ["NULL", "'timeout'", "'connection refused'", "'429 too many requests'"],
    "http_status": ["NULL", "200", "404", "429", "503"],
    "filter": [literal(json.dumps(value)) for value in FILTERS],
    "statuses": ["NULL", "'{\"ok\": \"delivered\", \"bad\": \"failed\"}'"],
    "metadata": ["'{}'", "'{\"why\": \"fuzz\"}'"],
    "ids": [
        "(SELECT array_agg(id::text) FROM (SELECT id FROM w.deliveries WHERE status = 'failed' LIMIT 3) d)", "'{1,2,x}'",
    ],
    "id": AN_ID,
    "note": A_WORD,
    "reason": A_WORD,
    "action": ["'fuzz'", "'delivery.replay'"],
    "actor": ["NULL", "'postgres'"],
    "target_id": A_WORD,
    "source_ip": ["NULL", "'10.0.0.1'"],
    "head_id": ["NULL", "(SELECT max(id) FROM @.operator_audit)"],
    "head_hash": ["NULL", "(SELECT hash FROM @.operator_audit ORDER BY id DESC LIMIT 1)"],
    "hours": ["1", "3", "24", "168"],
    "interval_hours": ["1", "2", "24"],
    "max_rows": ["1", "10", "100"],
    "min_total": ["1", "20"],
    "attempts": ["1", "3", "NULL"],
    "max_attempts": ["5", "NULL"],
    "slots": ["1", "4", "24"],
    "slot_origin": ["timestamptz '2026-01-15 00:00+00'", "now() - interval '3 hours'"],
    "slot_width": ["'1 hour'", "'5 minutes'"],
    "recent": ["'5 minutes'", "'10 minutes'"],
    "baseline": ["'60 minutes'", "'2 hours'"],
    "step": ["'1 hour'", "'5 minutes'"],
    "bucket": ["'1 hour'", "'1 day'"],
    "since": ["now() - interval '1 day'", "now() - interval '2 hours'"],
    "until": ["now()", "now() + interval '1 hour'"],
    "starts_at": ["now()"],
    "ends_at": ["now() + interval '1 hour'"],
    "days": ["NULL", "'{1,2,3}'"],
    "from_time": ["NULL", "'08:00'"],
    "to_time": ["NULL", "'17:00'"],
    "before_time": ["NULL", "now() - interval '1 hour'"],
    "before_id": ["NULL", "'5'"],
    "as_of": A_MOMENT,
    "at": A_MOMENT,
    "created_at": ["timestamptz '2026-01-15 00:10+00'"],  # within all shapes of the round
    "force": ["true", "false"],
    "false_positive": ["true", "false"],
}  # fmt: skip


def singles(functions):
    """Each hostile value of each argument of each function: (function, place of the argument, value)."""
    return [
        (function, place, f"({value})::{argument.type.sql}")
        for function in functions
        if function.callable
        for place, argument in enumerate(function.arguments)
        for value in HOSTILE.get(argument.type.name, [])
    ]


class Values:
    """Draws values. The database's rollups are part of them: texts of valid ones, and of their shapes."""

    def __init__(self, rng, rollups, shapes):
        self._rng = rng
        self._rollups = rollups
        self._shapes = shapes

    def draw(self, argument, hostility):
        """An expression for the argument, cast to its type."""
        if self._rng.random() < hostility:
            return self.hostile(argument.type)
        return self.sane(argument)

    def sane(self, argument):
        name, kind = argument.name, argument.type
        if name == "state" and self._rng.random() < 0.5:
            value = "NULL"  # as an aggregate begins
        elif kind.name == "delivery_rollup":
            value = literal(self._rng.choice(self._shapes if name == "shape" else self._rollups))
        elif kind.columns:
            return f"(SELECT r FROM {kind.sql} r LIMIT 1)"
        elif name == "idempotency_key":
            value = f"'key {self._rng.randrange(50)}'"
        elif kind.name == "cstring":
            value = literal(self._rng.choice(self._rollups))
        else:
            value = self._rng.choice(SANE.get(name) or HOSTILE[kind.name])
        return f"({value})::{kind.sql}"

    def hostile(self, kind):
        if kind.columns:
            return self._row(kind)
        if kind.name in ("delivery_rollup", "cstring") and self._rng.random() < 0.8:
            value = literal("\\x" + self.mutated().hex())
        elif kind.name == "text" and self._rng.random() < 0.2:
            value = literal(self._noise())
        else:
            value = self._rng.choice(HOSTILE[kind.name])
        return f"({value})::{kind.sql}"

    def mutated(self):
        """The bytes of a rollup, some of them changed."""
        content = bytearray.fromhex(self._rng.choice(self._rollups)[2:])
        for _ in range(self._rng.choice((0, 1, 1, 2, 5, 20))):
            at = self._rng.randrange(len(content) + 1)
            how = self._rng.randrange(4)
            if how == 0:
                content[at : at + 1] = bytes([self._rng.choice((0, 1, 0x7F, 0x80, 0xFF, self._rng.randrange(256)))])
            elif how == 1:
                del content[at : at + self._rng.choice((1, 2, 8, 10000))]
            elif how == 2:
                content[at:at] = content[: self._rng.randrange(20)]
            else:
                content[at:at] = b"\xff" * self._rng.randrange(1, 10)
            if not content:
                break
        return bytes(content)

    def _row(self, kind):
        if self._rng.random() < 0.2:
            return f"NULL::{kind.sql}"
        return f"ROW({', '.join(self.hostile(column) for column in kind.columns)})::{kind.sql}"

    def _noise(self):
        letters = "aZ09 '\"\\%$;:,.(){}[]日é\n"
        return "".join(self._rng.choice(letters) for _ in range(self._rng.randrange(40)))
