"""SQL that writes rows as JSON objects of the documented shape.

Here and in the routes, functions that take many types are called by their schema: another schema of the search_path may
have one that fits better.
"""
from datetime import datetime
from typing import List, Optional, get_type_hints

# Times of JSON are ISO 8601 in UTC with Z.
_UTC = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


def json_object(model: type, **expressions: str) -> str:
    """A JSON object with the members of the model, each from the column of its name or from its expression."""
    kinds = get_type_hints(model)
    members = ", ".join(
        f'{expressions.get(name) or _written(name, kinds[name])} AS "{name}"' for name in model.__annotations__
    )
    return f"(SELECT pg_catalog.to_json(r) FROM (SELECT {members}) AS r)"


def json_list(item: str, order: str = "") -> str:
    """The aggregate of such objects: an array, an empty one for no rows."""
    return f"coalesce(pg_catalog.json_agg({item}{' ORDER BY ' + order if order else ''}), '[]'::json)"


def _written(name: str, kind: object) -> str:
    column = f'"{name}"'
    if kind in (datetime, Optional[datetime]):
        return _UTC.format(column)
    if kind == List[datetime]:
        times = f"pg_catalog.unnest({column}) WITH ORDINALITY AS u (t, n)"
        return f"ARRAY(SELECT {_UTC.format('t')} FROM {times} ORDER BY n)"
    return column
