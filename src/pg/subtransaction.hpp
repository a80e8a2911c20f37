// Work that may fail by itself.
#pragma once

#include "guard.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/resowner.h"
}

namespace insights::pg {

// Whether an error is of the session or the server and not of what was tried: a cancel, a timeout, a shutdown. Code
// that is not ours may raise the same SQLSTATE, but not from where the server does.
bool is_of_session(const ErrorData *error);

// Whether it is of a value that a type does not take.
bool is_of_value(const ErrorData *error);

// Whether what the body did is to stay: what it says, if it says anything.
template <typename Body>
bool stays(Body body) {
  if constexpr (std::is_void_v<decltype(body())>) {
    body();
    return true;
  } else {
    return body();
  }
}

// Runs `body` in a subtransaction, which an error undoes, and so does a `body` that gives false. Gives the error, in
// the current context, or null where there was none; raises again what is_of_session(). Its frames may hold no object
// with a destructor.
template <typename Body>
ErrorData *in_subtransaction(Body body) {
  MemoryContext context = CurrentMemoryContext;
  ResourceOwner owner = CurrentResourceOwner;
  ErrorData *volatile error = nullptr;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(context);
  PG_TRY();
  {
    guarded([&] { return stays(body); }) ? ReleaseCurrentSubTransaction() : RollbackAndReleaseCurrentSubTransaction();
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
  }
  PG_END_TRY();
  MemoryContextSwitchTo(context);
  CurrentResourceOwner = owner;
  if (error != nullptr && is_of_session(error)) ReThrowError(error);
  return error;
}

}  // namespace insights::pg
