"""What there is to call: every function, aggregate and type of the extension, from the catalog."""

from dataclasses import dataclass, field

MEMBERS = """
  SELECT p.proname, p.prokind = 'a', p.provolatile = 'v', p.proretset,
    p.pronargs - p.pronargdefaults, p.prorettype::regtype::text,
    coalesce(p.proargnames, '{}'), p.proargtypes::oid[],
    EXISTS (SELECT FROM pg_type t WHERE t.oid = ANY (array_append(p.proargtypes::oid[], p.prorettype)) AND t.typrelid <> 0),
    EXISTS (SELECT FROM pg_aggregate a WHERE p.oid IN (a.aggtransfn, a.aggcombinefn))
  FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
  WHERE e.extname = 'anomaly_insights' ORDER BY p.proname, p.pronargs
"""
TYPE = """
  SELECT t.typname, n.nspname = 'pg_catalog', (SELECT array_agg(a.atttypid ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = {}
"""
# Those that SQL cannot call: by the server's own rules they need a trigger, or a pointer.
UNCALLABLE = {"trigger", "internal"}


@dataclass
class Type:
    name: str
    sql: str
    columns: list = field(default_factory=list)


@dataclass
class Argument:
    name: str
    type: Type
    optional: bool


@dataclass
class Function:
    signature: str
    name: str
    aggregate: bool
    of_rows: bool  # takes or gives rows of a table
    volatile: bool
    returns_set: bool
    callable: bool
    answers: bool  # one of an aggregate's own functions refuses to be called by itself
    arguments: list


def read_functions(query):
    """`query` gives all rows of a statement."""
    types = {}

    def type_of(oid):
        if oid not in types:
            name, built_in, columns = query(TYPE.format(oid))[0]
            types[oid] = Type(name, name if built_in else f'@."{name}"')
            types[oid].columns = [type_of(column) for column in columns or []]
        return types[oid]

    found = []
    for (name, aggregate, volatile, returns_set, required, result, names, argument_types, of_rows, of_aggregate) in query(
        MEMBERS
    ):
        arguments = [
            Argument(names[i] if i < len(names) else "", type_of(oid), i >= required)
            for i, oid in enumerate(argument_types)
        ]
        callable = result not in UNCALLABLE and not any(a.type.name in UNCALLABLE for a in arguments)
        signature = f"{name}({', '.join(a.type.name for a in arguments)})"
        answers = callable and not of_aggregate
        found.append(
            Function(signature, name, aggregate, of_rows, volatile, returns_set, callable, answers, arguments)
        )
    return found


def without_values(functions, known):
    """Types of arguments for which there are no hostile values."""

    def walk(kind):
        if kind.columns:
            for column in kind.columns:
                yield from walk(column)
        elif kind.name not in known:
            yield kind.name

    return sorted({name for f in functions if f.callable for a in f.arguments for name in walk(a.type)})
