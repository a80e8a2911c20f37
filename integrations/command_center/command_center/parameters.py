"""Parameters of the query. Without one that nobody knows, the request would mean something else: it is refused."""
from fastapi import Request
from fastapi.dependencies.utils import get_flat_dependant

from .problems import Problem


# Without await, and yet async: what is not would take its turn in the threads of the application.
async def only_known(request: Request) -> None:
    """A dependency of every route."""
    known = [field.alias for field in get_flat_dependant(request.scope["route"].dependant).query_params]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise Problem(
            422,
            f"There is no parameter {', '.join(unknown)}.",
            hint=f"There are {', '.join(known)}." if known else "This takes no parameters.",
            errors=[{"where": f"query.{name}", "message": "no such parameter"} for name in unknown],
        )
