"""Statements: a call of a function in one of the forms in which SQL can ask for it, and whole transactions of them."""

from dataclasses import dataclass
from itertools import cycle

from functions import Function
from world import ROLES


@dataclass
class Statement:
    """`function` is that which it calls, `change` what it is a part of."""

    sql: str
    function: Function = None
    change: str = None
    binary: bool = False
    swallows: bool = False  # errors, but internal ones
    parameter: bytes = None


SETTINGS = {
    "search_path": ["''", "pg_temp", "w, public", "nowhere", '"$user"', "@@", "pg_catalog, @@"],
    "plan_cache_mode": ["force_generic_plan", "force_custom_plan", "auto"],
    "TimeZone": ["UTC", "'Asia/Kathmandu'", "'Pacific/Apia'"],
    "DateStyle": ["ISO", "'SQL, DMY'", "German", "'Postgres, MDY'"],
    "IntervalStyle": ["sql_standard", "iso_8601", "postgres"],
    "work_mem": ["'64kB'", "'4MB'"],
    "standard_conforming_strings": ["on", "off"],
    "quote_all_identifiers": ["on", "off"],
    "row_security": ["on", "off"],
    "enable_seqscan": ["on", "off"],
    "bytea_output": ["hex", "escape"],
    "extra_float_digits": ["-15", "3"],
    "default_transaction_isolation": ["'repeatable read'", "serializable", "'read committed'"],
    "default_transaction_read_only": ["off", "off", "on"],
    "default_transaction_deferrable": ["on", "off"],
    "statement_timeout": ["1", "5", "20", "100", "{timeout}", "{timeout}", "{timeout}"],
    "xmloption": ["document", "content"],
    "parallel_setup_cost": ["0", "1000"],
    "min_parallel_table_scan_size": ["0", "'8MB'"],
    "client_min_messages": ["debug1", "error", "notice"],
}  # fmt: skip
PLANT = (
    "SELECT count(planted) FROM (SELECT repeat(canary, 20 * i) AS planted FROM public.secret, generate_series(1, 40) i) s"
)
BEGIN = ["", "", "READ ONLY", "ISOLATION LEVEL REPEATABLE READ", "ISOLATION LEVEL SERIALIZABLE", "READ ONLY DEFERRABLE"]


class Writer:
    """Writes the transactions of one session, from its random numbers alone."""

    def __init__(self, rng, world, values, part, own_settings, timeout):
        """`part` gives this session's part of a list that the sessions share."""
        self._rng = rng
        self._world = world
        self._values = values
        self._functions = [f for f in world.functions if f.callable]
        self._reader = next(f for f in self._functions if f.name == "rollup_cells")
        self._writing = [f for f in self._functions if f.volatile]
        self._singles = cycle(part(world.singles))
        self._changes = cycle(part(world.changes))
        self._own_settings = own_settings
        self._timeout = timeout
        self._prepared = {}

    # One function each, with nothing but sane values.
    def sane_call(self, function):
        return self._select(function, 0.0)

    def transaction(self):
        """The statements up to where the session is idle again."""
        kind = self._rng.random()
        if kind < 0.45:
            return self._identity() + [self._call() for _ in range(self._rng.randrange(1, 8))]
        if kind < 0.60:
            return self._block([self._setting(local=True)] + self._calls())
        if kind < 0.90:
            return self._under_change()
        if kind < 0.95:
            return [self._setting(local=False)]
        return self._plant()

    def _calls(self):
        return [self._call() for _ in range(self._rng.randrange(1, 6))]

    def _identity(self):
        role = self._rng.choice(["postgres", "postgres", *ROLES, "sqlfuzz_owner"])
        return [Statement("RESET SESSION AUTHORIZATION"), Statement(f"SET SESSION AUTHORIZATION {role}")]

    def _block(self, statements, begin=None):
        begin = f"BEGIN {self._rng.choice(BEGIN)}" if begin is None else begin
        end = self._rng.choice(["COMMIT", "ROLLBACK", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"])
        held = []
        for statement in statements:
            held += [Statement("SAVEPOINT before"), statement]
            if self._rng.random() < 0.3:
                held.append(Statement(self._rng.choice(["ROLLBACK TO before", "RELEASE before"])))
        return self._identity() + [Statement(begin), *held, Statement(end)]

    def _under_change(self):
        """Calls before and after a change, by whom the change would not expect."""
        change, table = next(self._changes)
        made = [
            Statement(sql.format(table=table), change=change.name) for sql in change.statements
        ]
        before = [self._locking_call()] if self._rng.random() < 0.5 else []
        after = self._calls()
        if self._rng.random() < 0.5:
            after = [Statement(f"SET LOCAL SESSION AUTHORIZATION {self._rng.choice(ROLES)}")] + after
        lasts = change.lasting and self._rng.random() < 0.3
        body = before + [Statement(f"SET LOCAL SESSION AUTHORIZATION {change.role}"), *made] + after
        guarded = [s for one in body for s in (Statement("SAVEPOINT before"), one)]
        end = Statement("COMMIT" if lasts else "ROLLBACK")
        return [Statement("RESET SESSION AUTHORIZATION"), Statement("BEGIN"), *guarded, end]

    def _setting(self, local):
        if self._own_settings and self._rng.random() < 0.4:
            name, values = self._rng.choice(self._own_settings)
        else:
            name, values = self._rng.choice(list(SETTINGS.items()))
        value = self._rng.choice(values).replace("{timeout}", str(self._timeout))
        return Statement(f"SET {'LOCAL ' if local else ''}{name} = {value}")

    def _plant(self):
        """Leaves the canary in the memory of the backend, in blocks of all sizes, freed."""
        self._prepared.clear()
        return [Statement(sql) for sql in ("RESET SESSION AUTHORIZATION", "DEALLOCATE ALL", PLANT)]

    # One call -------------------------------------------------------------------------------------------------------

    def _call(self):
        if self._prepared and self._rng.random() < 0.1:
            return self._execute()
        if self._rng.random() < 0.5:
            return self._single_call()
        function = self._rng.choice(self._functions)
        hostility = self._rng.choice((0.0, 0.1, 0.1, 0.4, 1.0))
        how = self._rng.random()
        if how < 0.6:
            return self._select(function, hostility)
        if function.aggregate:
            return self._window(function, hostility)
        if how < 0.68:
            return self._prepare(function)
        if how < 0.72:
            return self._received()
        form = self._rng.choice(
            [
                "SELECT t FROM {} AS t", "SELECT count(t), min(t::text) FROM {} AS t",
                "SELECT t FROM generate_series(1, 2) AS g, LATERAL {} AS t",
                "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM {}",
                "CREATE TEMP TABLE IF NOT EXISTS kept AS SELECT t FROM {} AS t LIMIT 10",
                "DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM {}",
                "DO $fuzz$ BEGIN PERFORM * FROM {}; EXCEPTION WHEN internal_error THEN RAISE; WHEN others THEN NULL; END $fuzz$",
                "SELECT * FROM {} WHERE random() < 0.5 LIMIT 1", "SELECT (SELECT t::text FROM {} AS t LIMIT 1)",
                "SELECT to_jsonb(t) FROM {} AS t", "SELECT t = t, t IS NULL FROM {} AS t",
            ]
        )  # fmt: skip
        sql = form.format(f"@.{function.name}({self._arguments(function, hostility)})")
        return Statement(sql, function, binary=self._rng.random() < 0.1, swallows=form.startswith("DO"))

    def _single_call(self):
        """Nothing but sane values, and one that is not."""
        function, place, value = next(self._singles)
        return self._select(function, 0.0, (place, value))

    def _locking_call(self):
        """One that may keep others waiting until the end of the transaction."""
        return self._select(self._rng.choice(self._writing), 0.0)

    def _arguments(self, function, hostility, single=(None, None)):
        """By position until one is left out, then by name."""
        given, by_name = [], False
        for place, argument in enumerate(function.arguments):
            if place == single[0]:
                given.append(f"{argument.name} => {single[1]}" if by_name else single[1])
                continue
            needed = argument.name == "source" and not function.volatile  # who writes can do so for all sources
            if argument.optional and not needed and self._rng.random() > max(hostility, 0.3):
                by_name = True
                continue
            value = self._values.draw(argument, hostility)
            given.append(f"{argument.name} => {value}" if by_name else value)
        return ", ".join(given)

    def _select(self, function, hostility, single=(None, None)):
        call = f"@.{function.name}({self._arguments(function, hostility, single)})"
        if function.aggregate:
            sql = f"SELECT {call} FROM generate_series(1, 5)"
        else:
            sql = f"SELECT {'* FROM ' if function.returns_set else ''}{call}"
        return Statement(sql, function)

    def _window(self, function, hostility):
        over = self._rng.choice(["OVER (ORDER BY g)", "OVER (ORDER BY g ROWS 1 PRECEDING)", "FILTER (WHERE g > 1)"])
        arguments = self._arguments(function, hostility)
        return Statement(f"SELECT @.{function.name}({arguments}) {over} FROM generate_series(1, 4) AS g", function)

    def _prepare(self, function):
        name = f"p{self._rng.randrange(6)}"
        given = [a for a in function.arguments if not a.optional or a.name in ("source", "as_of", "tenant")]
        if [a.name for a in given] and not all(a.name for a in given):
            given = function.arguments
            calls = ", ".join(f"${i + 1}" for i in range(len(given)))
        else:
            calls = ", ".join(f"{a.name} => ${i + 1}" for i, a in enumerate(given))
        kinds = f"({', '.join(a.type.sql for a in given)})" if given and all(a.type.name != "cstring" for a in given) else ""
        self._prepared[name] = (function, given)
        return Statement(f"PREPARE {name}{kinds} AS SELECT * FROM @.{function.name}({calls})", function)

    def _execute(self):
        name = self._rng.choice(sorted(self._prepared))
        function, given = self._prepared[name]
        values = ", ".join(self._values.draw(argument, 0.1) for argument in given)
        return Statement(f"EXECUTE {name}{f'({values})' if values else ''}", function)

    def _received(self):
        """A rollup in binary, and back."""
        statement = Statement("SELECT @.rollup_cells($1)", self._reader, binary=True)
        statement.parameter = self._values.mutated()
        return statement
