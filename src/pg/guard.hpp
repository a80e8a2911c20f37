// The border between C++ and PostgreSQL.
//
// A C++ exception must not reach a PostgreSQL frame, and PostgreSQL's longjmp must not skip a C++ object with a
// destructor. So
//   - every function that PostgreSQL calls is defined with ANOMALY_INSIGHTS_FUNCTION (or runs guarded()): an exception
//     ends there and is raised as an SQL error after all C++ frames are gone;
//   - the body of such a function calls PostgreSQL freely, but keeps no object with a destructor: what must live lives
//   in
//     a memory context (make_in_context), and C++ work is done by functions that call no PostgreSQL function that
//     raises;
//   - nothing may throw through a PG_TRY: C++ work inside one is guarded() there and then;
//   - where the core must call back (interrupts), call_postgres() turns the raised error into a C++ exception, which
//   the
//     guard raises again as the same error.
#pragma once

#include "pg.hpp"

namespace insights::pg {

// An error of PostgreSQL's on its way through C++ frames.
struct PostgresError {
  ErrorData *data;
};

// Calls a PostgreSQL function from C++ frames. `call` may hold no object with a destructor while it calls.
template <typename Call>
void call_postgres(Call call) {
  MemoryContext context = CurrentMemoryContext;
  ErrorData *volatile error = nullptr;
  PG_TRY();
  { call(); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
  }
  PG_END_TRY();
  if (error != nullptr) throw PostgresError{error};
}

// Lets a query cancel, a timeout or a shutdown stop the core's loops; and injects the fault that the developer setting
// anomaly_insights.debug_fault asks for.
class InterruptPoll final : public Poll {
 public:
  void check() override;
};

// What is left of an exception when its C++ frames are gone.
struct CaughtError {
  int sqlstate;
  ErrorData *postgres;  // to be raised as it is, if set
  char message[1024];
  char hint[512];
};

// To be called in a catch block: tells the current exception. Calls nothing that raises.
void describe_exception(CaughtError *caught) noexcept;

// Raises it as an SQL error.
[[noreturn]] void raise(const CaughtError &caught);

// Calls `body`; an exception becomes an SQL error. PostgreSQL's own stacks are put back, since an exception may have
// left a PG_TRY without its end.
template <typename Body>
auto guarded(Body body) -> decltype(body()) {
  CaughtError caught;
  sigjmp_buf *exception_stack = PG_exception_stack;
  ErrorContextCallback *context_stack = error_context_stack;
  try {
    return body();
  } catch (...) {
    describe_exception(&caught);
  }
  PG_exception_stack = exception_stack;
  error_context_stack = context_stack;
  raise(caught);
}

// Not inlined: PostgreSQL's JIT inlines functions across modules, and must not do so with exception tables.
#define ANOMALY_INSIGHTS_FUNCTION(name)                                                \
  extern "C" {                                                                         \
  PG_FUNCTION_INFO_V1(name);                                                           \
  extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                     \
  }                                                                                    \
  static Datum name##_body(PG_FUNCTION_ARGS);                                          \
  extern "C" __attribute__((noinline)) Datum name(PG_FUNCTION_ARGS) {                  \
    return insights::pg::guarded([fcinfo]() -> Datum { return name##_body(fcinfo); }); \
  }                                                                                    \
  static Datum name##_body([[maybe_unused]] PG_FUNCTION_ARGS)

}  // namespace insights::pg
