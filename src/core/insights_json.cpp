#include "insights_json.hpp"

#include "json_text.hpp"

namespace insights {

namespace {

json top_list(const char *name, const std::pmr::vector<FailingGroup> &groups) {
  json list = json::array();
  for (const FailingGroup &group : groups) {
    list.push_back({{name, text_or_null(group.name)},
                    {"failures", group.failures},
                    {"total", group.total},
                    {"failure_rate", group.failure_rate}});
  }
  return list;
}

json distribution(const Tally &all) {
  json counts;
  for (int i = 0; i < kLabelClasses; ++i) {
    const auto label = static_cast<LabelClass>(i);
    counts[label_name(label)] = labelled(all, label);
  }
  return counts;
}

json backlog(const Tally &all) {
  const bool any = all[Counter::kPending] > 0;
  return {{"pending", all[Counter::kPending]},
          {"near_failure", all[Counter::kNearFailure]},
          {"oldest_pending_seconds", any ? json(all[Counter::kPendingSeconds]) : json(nullptr)}};
}

}  // namespace

void write_summary_json(const Summary &summary, ByteWriter &out) {
  const Tally &all = summary.all;
  const json report = {
      {"top_failing_endpoints", top_list("endpoint", *summary.endpoints)},
      {"top_failing_tenants", top_list("tenant_id", *summary.tenants)},
      {"triage_distribution", distribution(all)},
      {"delivery_stats",
       {{"total", all[Counter::kTotal]},
        {"delivered", all[Counter::kDelivered]},
        {"failed", all[Counter::kFailed]},
        {"pending", all[Counter::kPending]},
        {"dead_letter", all[Counter::kDeadLetter]},
        {"success_rate", reference_success_rate(all)}}},
      {"replay_stats",
       {{"total_replayed", summary.replays.replayed},
        {"replay_successes", summary.replays.delivered},
        {"replay_success_rate", summary.replays.success_rate()},
        {"counted_from", summary.replays.counted_from()}}},
      {"triage_accuracy",
       {{"transient_retry_success_rate", transient_retry_success_rate(all)},
        {"note", "Measures how often 'transient' failures succeed on retry"}}},
      {"settled_success_rate", number_or_null(success_rate(all))},
      {"retry_stats",
       {{"first_attempt_success_rate", first_attempt_success_rate(all)}, {"mean_attempts", mean_attempts(all)}}},
      {"backlog", backlog(all)},
      {"time_range", time_range(summary.window)},
      {"generated_at", iso_time(summary.window.generated_at)},
  };
  out.put_bytes(to_text(report));
}

void write_trends_json(const Window &window, int interval_hours, const std::pmr::vector<Timestamp> &edges,
                       const std::pmr::vector<Tally> &slots, ByteWriter &out, Poll &poll) {
  out.put_bytes("{\"intervals\": [");
  for (std::size_t i = 0; i < slots.size(); ++i) {
    poll.tick();
    const std::uint64_t total = slots[i][Counter::kTotal];
    const std::uint64_t failures = failures_of(slots[i]);
    if (i > 0) out.put_bytes(", ");
    out.put_bytes(to_text({{"timestamp", iso_time(edges[i] - 1)},
                           {"total_deliveries", total},
                           {"failures", failures},
                           {"success_rate", percent(total - failures, total)},
                           {"settled_success_rate", number_or_null(success_rate(slots[i]))}}));
  }
  const json rest = {{"interval_hours", interval_hours},
                     {"total_hours", window.hours},
                     {"generated_at", iso_time(window.generated_at)}};
  out.put_bytes("], ");
  out.put_bytes(to_text(rest).substr(1));  // the members go on
}

}  // namespace insights
