#include "storage/journal/node_record.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <cstring>

#include "base/error.h"
#include "storage/schema/journal.capnp.h"

namespace troupe {
namespace {

void write(wire::EdgeRecord::Builder out, const EdgeRecord& edge) {
  out.setSenderSystem(edge.sender_system);
  out.setSender(edge.sender);
  out.setMessage(edge.message);
  out.setCount(edge.count);
  out.setHandlerNs(edge.handler_ns);
  out.setP50Ns(edge.p50_ns);
  out.setP99Ns(edge.p99_ns);
  out.setSenderAddress(edge.sender_address);
  out.setBytes(edge.bytes);
  out.setLastNs(edge.last_ns);
}

void write(wire::WaitRecord::Builder out, const WaitRecord& wait) {
  out.setWhom(wait.whom);
  out.setWhat(wait.what);
  out.setSinceNs(wait.since_ns);
}

void write(wire::GaugeRecord::Builder out, const std::pair<const std::string, double>& gauge) {
  out.setName(gauge.first);
  out.setValue(gauge.second);
}

void write(wire::HandledRecord::Builder out, const HandledRecord& handled) {
  out.setEdge(handled.edge);
  out.setArrivedNs(handled.arrived_ns);
  out.setStartNs(handled.start_ns);
  out.setEndNs(handled.end_ns);
}

void write(wire::WorkRecord::Builder out, const WorkRecord& work) {
  out.setLabel(work.label);
  out.setStartNs(work.start_ns);
  out.setEndNs(work.end_ns);
}

void write(wire::ActorRecord::Builder out, const ActorRecord& actor);

template <class List, class Values>
void write_all(List list, const Values& values) {
  unsigned i = 0;
  for (const auto& value : values) write(list[i++], value);
}

template <class Values>
unsigned size_of(const Values& values) {
  return static_cast<unsigned>(values.size());
}

void write(wire::ActorRecord::Builder out, const ActorRecord& actor) {
  out.setId(actor.id);
  out.setAddress(actor.address);
  out.setKind(actor.kind);
  out.setType(actor.type);
  out.setExitReason(actor.exit_reason);
  out.setMailboxDepth(actor.mailbox_depth);
  out.setOldestMessageNs(actor.oldest_message_ns);
  out.setCurrentHandlerNs(actor.current_handler_ns);
  out.setLifetimeNs(actor.lifetime_ns);
  write_all(out.initEdges(size_of(actor.edges)), actor.edges);
  write_all(out.initWaits(size_of(actor.waits)), actor.waits);
  write_all(out.initGauges(size_of(actor.gauges)), actor.gauges);
  write_all(out.initHandled(size_of(actor.handled)), actor.handled);
  write_all(out.initWork(size_of(actor.work)), actor.work);
}

EdgeRecord read(wire::EdgeRecord::Reader in) {
  return {.sender_system = in.getSenderSystem(),
          .sender = in.getSender(),
          .message = in.getMessage(),
          .count = in.getCount(),
          .handler_ns = in.getHandlerNs(),
          .p50_ns = in.getP50Ns(),
          .p99_ns = in.getP99Ns(),
          .sender_address = in.getSenderAddress(),
          .bytes = in.getBytes(),
          .last_ns = in.getLastNs()};
}

ActorRecord read(wire::ActorRecord::Reader in) {
  ActorRecord actor{.id = in.getId(),
                    .address = in.getAddress(),
                    .kind = in.getKind(),
                    .type = in.getType(),
                    .exit_reason = in.getExitReason(),
                    .mailbox_depth = in.getMailboxDepth(),
                    .oldest_message_ns = in.getOldestMessageNs(),
                    .current_handler_ns = in.getCurrentHandlerNs(),
                    .lifetime_ns = in.getLifetimeNs()};
  for (auto edge : in.getEdges()) actor.edges.push_back(read(edge));
  for (auto wait : in.getWaits())
    actor.waits.push_back({wait.getWhom(), wait.getWhat(), wait.getSinceNs()});
  for (auto gauge : in.getGauges()) actor.gauges[gauge.getName()] = gauge.getValue();
  for (auto span : in.getHandled())
    actor.handled.push_back(
        {span.getEdge(), span.getArrivedNs(), span.getStartNs(), span.getEndNs()});
  for (auto work : in.getWork())
    actor.work.push_back({work.getLabel(), work.getStartNs(), work.getEndNs()});
  return actor;
}

NodeRecord decode(std::string_view bytes, bool with_actors) try {
  std::vector<capnp::word> words(bytes.size() / sizeof(capnp::word));  // aligned copy
  if (!words.empty()) std::memcpy(words.data(), bytes.data(), words.size() * sizeof(capnp::word));
  capnp::FlatArrayMessageReader reader(kj::arrayPtr(words.data(), words.size()));
  auto in = reader.getRoot<wire::NodeRecord>();
  NodeRecord record{.node = in.getNode(),
                    .pid = in.getPid(),
                    .process_start = in.getProcessStart(),
                    .host = in.getHost(),
                    .system = in.getSystem(),
                    .wall_time_ns = in.getWallTimeNs(),
                    .steady_ns = in.getSteadyNs(),
                    .step = in.getStep(),
                    .final = in.getFinal()};
  for (auto peak : in.getPeakMemory()) record.peak_memory[peak.getName()] = peak.getValue();
  if (with_actors)
    for (auto actor : in.getActors()) record.actors.push_back(read(actor));
  return record;
} catch (const kj::Exception& e) {
  throw Error(std::string("malformed node record: ") + e.getDescription().cStr());
}

}  // namespace

std::string message_name(const std::string& type) {
  return type.substr(type.find_last_of(".:") + 1);  // npos + 1 is 0
}

std::string encode(const NodeRecord& record) {
  capnp::MallocMessageBuilder builder;
  auto out = builder.initRoot<wire::NodeRecord>();
  out.setNode(record.node);
  out.setPid(record.pid);
  out.setProcessStart(record.process_start);
  out.setHost(record.host);
  out.setSystem(record.system);
  out.setWallTimeNs(record.wall_time_ns);
  out.setSteadyNs(record.steady_ns);
  out.setStep(record.step);
  out.setFinal(record.final);
  write_all(out.initPeakMemory(size_of(record.peak_memory)), record.peak_memory);
  write_all(out.initActors(size_of(record.actors)), record.actors);
  auto words = capnp::messageToFlatArray(builder);
  return {words.asChars().begin(), words.asChars().size()};
}

NodeRecord decode_node_record(std::string_view bytes) {
  return decode(bytes, true);
}

NodeRecord decode_node_header(std::string_view bytes) {
  return decode(bytes, false);
}

}  // namespace troupe
