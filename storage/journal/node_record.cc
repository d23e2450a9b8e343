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
  auto edges = out.initEdges(static_cast<unsigned>(actor.edges.size()));
  for (unsigned i = 0; i < edges.size(); ++i) write(edges[i], actor.edges[i]);
}

EdgeRecord read(wire::EdgeRecord::Reader in) {
  return {.sender_system = in.getSenderSystem(),
          .sender = in.getSender(),
          .message = in.getMessage(),
          .count = in.getCount(),
          .handler_ns = in.getHandlerNs(),
          .p50_ns = in.getP50Ns(),
          .p99_ns = in.getP99Ns(),
          .sender_address = in.getSenderAddress()};
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
  return actor;
}

}  // namespace

std::string encode(const NodeRecord& record) {
  capnp::MallocMessageBuilder builder;
  auto out = builder.initRoot<wire::NodeRecord>();
  out.setNode(record.node);
  out.setPid(record.pid);
  out.setProcessStart(record.process_start);
  out.setHost(record.host);
  out.setSystem(record.system);
  out.setWallTimeNs(record.wall_time_ns);
  out.setStep(record.step);
  out.setFinal(record.final);
  auto actors = out.initActors(static_cast<unsigned>(record.actors.size()));
  for (unsigned i = 0; i < actors.size(); ++i) write(actors[i], record.actors[i]);
  auto words = capnp::messageToFlatArray(builder);
  return {words.asChars().begin(), words.asChars().size()};
}

NodeRecord decode_node_record(std::string_view bytes) try {
  std::vector<capnp::word> words(bytes.size() / sizeof(capnp::word));  // aligned copy
  std::memcpy(words.data(), bytes.data(), words.size() * sizeof(capnp::word));
  capnp::FlatArrayMessageReader reader(kj::arrayPtr(words.data(), words.size()));
  auto in = reader.getRoot<wire::NodeRecord>();
  NodeRecord record{.node = in.getNode(),
                    .pid = in.getPid(),
                    .process_start = in.getProcessStart(),
                    .host = in.getHost(),
                    .system = in.getSystem(),
                    .wall_time_ns = in.getWallTimeNs(),
                    .step = in.getStep(),
                    .final = in.getFinal()};
  for (auto actor : in.getActors()) record.actors.push_back(read(actor));
  return record;
} catch (const kj::Exception& e) {
  throw Error(std::string("malformed node record: ") + e.getDescription().cStr());
}

}  // namespace troupe
