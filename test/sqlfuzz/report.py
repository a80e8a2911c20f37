"""What was done, and what failed."""

import collections
import re
import threading

CHECKS = {
    "server": "no backend crashes",
    "sessions": "no session is lost",
    "internal": "no internal error, and nothing leaks",
    "rollback": "every transaction can be rolled back",
    "bytes": "no byte that is not the caller's",
    "time": "every statement ends in time",
}


class Report:
    def __init__(self, plan):
        self._plan = plan
        self._lock = threading.Lock()
        self._made = collections.Counter()
        self._answered = collections.Counter()
        self._changes = collections.Counter()
        self._changed = collections.Counter()
        self._kinds = {}
        self._failed = collections.Counter()
        self._victims = 0
        self._broken = []

    def count(self, statement, succeeded):
        with self._lock:
            if statement.function:
                self._made[statement.function.signature] += 1
                self._answered[statement.function.signature] += succeeded and not statement.swallows
            elif statement.change:
                self._changes[statement.change] += 1
                self._changed[statement.change] += succeeded

    def has_answered(self, function):
        return self._answered[function.signature] > 0

    def victim(self):
        with self._lock:
            self._victims += 1

    def broken(self, what):
        """The fuzz itself does not work."""
        with self._lock:
            self._broken.append(what)

    def failure(self, failure, statement, session, history):
        """The first of each kind is shown whole, the others are counted."""
        of = statement.function.signature if statement.function else statement.sql.split(" ")[0]
        kind = (failure.check, of, re.sub(r"\d+", "N", failure.what)[:100])
        with self._lock:
            self._failed[failure.check] += 1
            self._kinds[kind] = self._kinds.get(kind, 0) + 1
            if self._kinds[kind] > 1:
                return
            print(f"\n!!! {CHECKS[failure.check]}: {of}: {failure.what}")
            print(f"    SQLFUZZ_SEED={self._plan.seed}, session {session}; its last statements:")
            for sql, outcome in history:
                print(f"    {shortened(sql)};" + (f"\n        -- {shortened(outcome)}" if outcome else ""))
            print(flush=True)

    def finish(self, functions, changes):
        """Prints the figures and a line per check."""
        self._print_figures()
        for kind, count in sorted(self._kinds.items()):
            print(f"failure ({count} times): {' | '.join(kind)}")
        for what in self._broken:
            print(f"the fuzz is broken: {what}")
        if self._victims:
            print(f"{self._victims} sessions were lost to the crash of another process")
            self._failed["server"] += 1
        for check, name in CHECKS.items():
            self._line(name, not self._failed[check])
        callable = [f.signature for f in functions if f.callable]
        silent = [f.signature for f in functions if f.answers and not self._answered[f.signature]]
        self._line("every function was called and has answered", callable and not silent, silent)
        seldom = [name for name in callable if self._made[name] < self._plan.least_calls]
        self._line(f"each at least {self._plan.least_calls} times", not seldom, seldom)
        missing = [change.name for change in changes if not self._changed[change.name]]
        if self._plan.least_calls > 1:
            self._line("every change was made", not missing, missing)
        self._line("the fuzz itself works", not self._broken)

    def _print_figures(self):
        for name in sorted(self._made):
            print(f"{self._made[name]:8} calls, {self._answered[name]:8} answered: {name}")
        print(f"{sum(self._made.values())} calls, {sum(self._changed.values())} changes")

    @staticmethod
    def _line(name, passed, whom=()):
        print(f"check {'passed' if passed else 'failed'}: {name}" + (f": {', '.join(whom)}" if whom else ""), flush=True)


def shortened(text):
    return text if len(text) <= 3000 else f"{text[:2900]} [... {len(text)} characters]"
