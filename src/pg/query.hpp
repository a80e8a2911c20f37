// The SQL of the inner query of a report.
#pragma once

#include <array>

#include "pg.hpp"
#include "source.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace insights::pg {

// Statuses and labels by their classes.
using StatusSet = std::array<bool, kStatusClasses>;
using LabelSet = std::array<bool, kLabelClasses>;
constexpr StatusSet kFailedStatuses = {false, true, true, false, false};
constexpr StatusSet kEndedStatuses = {true, true, true, false, false};
constexpr StatusSet kDeliveredStatuses = {true, false, false, false, false};
constexpr StatusSet kSettledStatuses = {true, true, true, false, false};

// Which deliveries somebody asks for, beside their time. What is not given is not asked for.
struct DeliveryFilter {
  const char *tenant, *endpoint;
  bool no_tenant, no_endpoint;  // those that have none
  std::optional<StatusSet> statuses;
  std::optional<LabelSet> labels;
  const char *ids;  // the text of an array
};

// What to scan: deliveries with after < created_at <= until, of one tenant or endpoint or of all.
struct ScanRequest {
  const Source *source;
  Oid schema;              // of the extension
  std::string_view shape;  // bytes of an empty rollup
  Timestamp after;
  Timestamp until;
  const char *tenant;            // null: all
  const char *endpoint;          // null: all
  bool missing_is_unknown;       // a missing tenant or endpoint counts as 'unknown', as in the original
  bool as_owner;                 // in the name of the relation's owner, and not of who asks
  bool ungrouped;                // tenants and endpoints do not matter: all deliveries are one group
  bool attempts;                 // the shape looks at attempts
  bool labels;                   // and triage labels: those of the source, or what triage_label() makes of its failures
  bool failed_alike;             // of which none is made for what failed by its status, since that says all
  bool past_labels;              // and for what a retry delivered, that of the failure before, behind kPastLabel
  const DeliveryFilter *filter;  // of which deliveries beside; null: all
};

// The type of an expression over the source's relation, below its domains; and, if asked, its collation. Between
// SPI_connect and SPI_finish.
Oid expression_type(const Source *source, const char *expression, Oid *collation = nullptr);

// How the source's id is compared: its operand, the operator, and its type, all as SQL has them.
struct KeyComparison {
  const char *operand, *equals, *type;
};
KeyComparison id_comparison(const Source &source);

// $1 and $2 are the bounds, $3 is the shape.
char *rollup_query(const ScanRequest &request);

// The pieces of which it and others are made.
void append_created_at(StringInfo query, const Source &source);              // as timestamptz
void append_time(StringInfo query, const Source &source, Field field);       // ", field" as timestamptz
void append_as(StringInfo query, const char *expression, const char *type);  // ", expression"; NULL for a null one
void append_number(StringInfo query, const Source &source, Field field);     // ", field" as int4
void append_label(StringInfo query, const ScanRequest &request);             // ", triage label"
void append_status_in(StringInfo query, const Source &source, const StatusSet &statuses);  // a condition
void append_label_in(StringInfo query, const char *label, const LabelSet &labels);         // a condition
void append_id_in(StringInfo query, const Source &source, const char *ids);  // a condition; ids: an array of texts
void append_deliveries(StringInfo query, const ScanRequest &request);        // " FROM ... WHERE ..."

}  // namespace insights::pg
