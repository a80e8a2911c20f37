#include "rollup_type.hpp"

#include "../core/rollup_reader.hpp"
#include "guard.hpp"
#include "settings.hpp"

extern "C" {
#include "libpq/pqformat.h"
}

namespace insights::pg {

namespace {

void check_flat_size(Size size) {
  if (!AllocSizeIsValid(size)) {
    ereport(ERROR,
            (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a delivery_rollup of %zu bytes is over 1 GB", size),
             errhint("Take a shorter window, a coarser step, or one tenant.")));
  }
}

// Flattening is asked for twice in a row (PostgreSQL sizes a tuple before it fills it), so the first call does the
// work.
Size flat_size(ExpandedObjectHeader *header) {
  auto *expanded = reinterpret_cast<ExpandedRollup *>(header);
  guarded([expanded] {
    if (expanded->flat != nullptr) return;
    InterruptPoll poll;
    auto *flat = make_in<ByteWriter>(expanded->memory, expanded->memory);
    expanded->rollup->encode(*flat, poll);
    expanded->flat = flat;
  });
  const Size size = VARHDRSZ + expanded->flat->written().size();
  check_flat_size(size);
  return size;
}

void flatten_into(ExpandedObjectHeader *header, void *result, Size allocated_size) {
  auto *expanded = reinterpret_cast<ExpandedRollup *>(header);
  const std::string_view bytes = expanded->flat->written();
  Assert(allocated_size == VARHDRSZ + bytes.size());
  SET_VARSIZE(result, allocated_size);
  std::memcpy(VARDATA(result), bytes.data(), bytes.size());
  expanded->forget_flat();
}

// A rollup is only as good as its texts, and those must be valid in this database.
void validate(std::string_view bytes) {
  ContextMemory *memory = current_memory();
  const char *broken = nullptr;
  guarded([&] {
    InterruptPoll poll;
    RollupReader reader(bytes, memory);
    if (reader.shape().encoding != GetDatabaseEncoding()) broken = "its texts are in another encoding";
    const auto valid = [](Text text) {
      return is_null(text) || pg_verify_mbstr(GetDatabaseEncoding(), text.data(), static_cast<int>(text.size()), true);
    };
    RollupReader::Group group;
    RollupReader::Cell cell;
    while (broken == nullptr && reader.next_group(group)) {
      if (!valid(group.tenant) || !valid(group.endpoint)) broken = "a text is not valid in the database's encoding";
      while (reader.next_cell(cell)) poll.tick();
    }
  });
  if (broken == nullptr) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid delivery_rollup: %s", broken),
                  errhint("A delivery_rollup can be loaded only into a database of the same encoding.")));
}

}  // namespace

const ExpandedObjectMethods kRollupMethods = {flat_size, flatten_into};

ExpandedRollup *new_expanded_rollup(std::string_view shape_bytes, MemoryContext parent) {
  MemoryContext context = AllocSetContextCreate(parent, "delivery_rollup", ALLOCSET_START_SMALL_SIZES);
  auto *expanded = static_cast<ExpandedRollup *>(MemoryContextAllocZero(context, sizeof(ExpandedRollup)));
  EOH_init_header(&expanded->header, &kRollupMethods, context);
  expanded->memory = new (MemoryContextAlloc(context, sizeof(ContextMemory))) ContextMemory(context);
  expanded->rollup = make_in<Rollup>(expanded->memory, shape_bytes, static_cast<std::uint64_t>(max_groups),
                                     static_cast<std::pmr::memory_resource *>(expanded->memory));
  return expanded;
}

struct varlena *make_flat(std::string_view bytes) {
  const Size size = VARHDRSZ + bytes.size();
  check_flat_size(size);
  auto *flat = static_cast<struct varlena *>(palloc(size));
  SET_VARSIZE(flat, size);
  std::memcpy(VARDATA(flat), bytes.data(), bytes.size());
  return flat;
}

}  // namespace insights::pg

using namespace insights;
using namespace insights::pg;

// Text form: the bytes in hexadecimal, as bytea has them.
ANOMALY_INSIGHTS_FUNCTION(ai_rollup_in) {
  const char *text = PG_GETARG_CSTRING(0);
  const std::size_t length = std::strlen(text);
  if (length < 2 || text[0] != '\\' || text[1] != 'x') {
    ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                    errmsg("invalid input syntax for type %s: \"%.*s\"", "delivery_rollup",
                           pg_mbcliplen(text, static_cast<int>(Min(length, INT_MAX)), 40), text),
                    errhint("A delivery_rollup is written as \\x and hexadecimal digits.")));
  }
  auto *flat = static_cast<struct varlena *>(palloc(VARHDRSZ + (length - 2) / 2 + 1));
  const uint64 size = hex_decode(text + 2, length - 2, VARDATA(flat));
  SET_VARSIZE(flat, VARHDRSZ + size);
  validate(bytes_of(flat));
  PG_RETURN_POINTER(flat);
}

ANOMALY_INSIGHTS_FUNCTION(ai_rollup_out) {
  const std::string_view bytes = bytes_of(PG_GETARG_VARLENA_PP(0));
  check_flat_size(bytes.size() * 2 + 3);
  char *text = static_cast<char *>(palloc(bytes.size() * 2 + 3));
  text[0] = '\\';
  text[1] = 'x';
  const uint64 written = hex_encode(bytes.data(), bytes.size(), text + 2);
  text[2 + written] = '\0';
  PG_RETURN_CSTRING(text);
}

ANOMALY_INSIGHTS_FUNCTION(ai_rollup_recv) {
  auto *message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
  const int size = message->len - message->cursor;
  struct varlena *flat = make_flat({pq_getmsgbytes(message, size), static_cast<std::size_t>(size)});
  validate(bytes_of(flat));
  PG_RETURN_POINTER(flat);
}

ANOMALY_INSIGHTS_FUNCTION(ai_rollup_send) {
  const std::string_view bytes = bytes_of(PG_GETARG_VARLENA_PP(0));
  StringInfoData message;
  pq_begintypsend(&message);
  pq_sendbytes(&message, bytes.data(), static_cast<int>(bytes.size()));
  PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
