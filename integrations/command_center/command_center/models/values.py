"""What bodies and parameters are made of."""
import re
from datetime import datetime
from typing import Any, Callable, Iterator

from pydantic import BaseModel


# Without a member that nobody knows, the request would mean something else: it is refused.
class Body(BaseModel, extra="forbid"):
    pass


class Time(datetime):
    """ISO 8601, where pydantic takes numbers as well, for seconds since 1970."""

    @classmethod
    def __get_validators__(cls) -> Iterator[Callable[[Any], Any]]:
        """For pydantic 1."""
        from pydantic.datetime_parse import parse_datetime

        yield _written
        yield parse_datetime

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, schema_of: Callable[[type], Any]) -> Any:
        """For pydantic 2."""
        from pydantic_core.core_schema import no_info_before_validator_function

        return no_info_before_validator_function(_written, schema_of(datetime))


def _written(value: Any) -> str:
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        return value
    raise ValueError("a time is written as ISO 8601 has it, such as 2026-01-15T12:00:00Z")
