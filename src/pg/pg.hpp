// The one place that includes PostgreSQL's headers: after the C++ standard library's (port.h redefines snprintf and
// its kin) and with the differences between the majors evened out. Every file of src/pg includes this first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory_resource>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/expandeddatum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}

// A tree walker as its parameter is declared: without a prototype up to PostgreSQL 15.
#if PG_VERSION_NUM >= 160000
#define AI_WALKER(function) (function)
#else
#define AI_WALKER(function) (reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(function)))
#endif

// Rights on a schema and on a function.
extern "C" {
#if PG_VERSION_NUM >= 160000
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#endif
#include "utils/acl.h"
}
#if PG_VERSION_NUM >= 160000
inline AclResult namespace_aclcheck(Oid schema, Oid role, AclMode mode) {
  return object_aclcheck(NamespaceRelationId, schema, role, mode);
}
inline AclResult function_aclcheck(Oid function, Oid role) {
  return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE);
}
#else
inline AclResult namespace_aclcheck(Oid schema, Oid role, AclMode mode) {
  return pg_namespace_aclcheck(schema, role, mode);
}
inline AclResult function_aclcheck(Oid function, Oid role) { return pg_proc_aclcheck(function, role, ACL_EXECUTE); }
#endif

// The status of a backend by its place in the list of all, from 1 on.
#if PG_VERSION_NUM >= 160000
#define AI_BACKEND_STATUS(place) (&pgstat_get_local_beentry_by_index(place)->backendStatus)
#else
#define AI_BACKEND_STATUS(place) (pgstat_fetch_stat_beentry(place))
#endif

// The process that began a virtual transaction, if it is still there; and the local number of what it runs now.
#if PG_VERSION_NUM >= 170000
#define AI_PROCESS_OF(transaction) (ProcNumberGetProc((transaction).procNumber))
#define AI_TRANSACTION_OF(process) ((process)->vxid.lxid)
#else
#define AI_PROCESS_OF(transaction) (BackendIdGetProc((transaction).backendId))
#define AI_TRANSACTION_OF(process) ((process)->lxid)
#endif

#include "../core/error.hpp"
#include "../core/poll.hpp"
#include "../core/text.hpp"
