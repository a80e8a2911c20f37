#include "guard.hpp"

#include "settings.hpp"

namespace insights::pg {

namespace {

int sqlstate_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidArgument:
    case ErrorKind::kUnlike:
      return ERRCODE_INVALID_PARAMETER_VALUE;
    case ErrorKind::kCorruptBytes:
      return ERRCODE_INVALID_BINARY_REPRESENTATION;
    case ErrorKind::kLimit:
      return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
    case ErrorKind::kWrongState:
      return ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
  }
  return ERRCODE_INTERNAL_ERROR;
}

// Copies as much as fits; raise() takes off a character that the end cut.
template <std::size_t size>
void copy(char (&to)[size], const char *from) noexcept {
  std::strncpy(to, from, size - 1);
  to[size - 1] = '\0';
}

// Cuts a broken character off the end of a text that was cut to its buffer.
void clip(char *text) {
  const int length = static_cast<int>(std::strlen(text));
  text[pg_mbcliplen(text, length, length)] = '\0';
}

}  // namespace

void InterruptPoll::check() {
  if (debug_fault == kFaultRuntimeError) throw std::runtime_error("fault injected by anomaly_insights.debug_fault");
  if (!InterruptPending) return;
  call_postgres([] { CHECK_FOR_INTERRUPTS(); });
}

void describe_exception(CaughtError *caught) noexcept {
  caught->postgres = nullptr;
  caught->hint[0] = '\0';
  caught->sqlstate = ERRCODE_INTERNAL_ERROR;
  try {
    throw;
  } catch (const PostgresError &error) {
    caught->postgres = error.data;
  } catch (const Error &error) {
    caught->sqlstate = sqlstate_of(error.kind());
    copy(caught->message, error.what());
    copy(caught->hint, error.hint().c_str());
  } catch (const std::bad_alloc &) {
    caught->sqlstate = ERRCODE_OUT_OF_MEMORY;
    copy(caught->message, "out of memory");
  } catch (const std::exception &error) {
    copy(caught->message, error.what());
  } catch (...) {
    copy(caught->message, "unknown C++ exception");
  }
}

void raise(const CaughtError &caught) {
  if (caught.postgres != nullptr) ReThrowError(caught.postgres);
  // ereport may raise while it builds the text, so it works on copies that no frame above needs.
  CaughtError error = caught;
  clip(error.message);
  clip(error.hint);
  ereport(ERROR, (errcode(error.sqlstate), errmsg("%s", error.message), error.hint[0] ? errhint("%s", error.hint) : 0));
  pg_unreachable();
}

}  // namespace insights::pg
