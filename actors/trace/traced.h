// The base of every actor of ours, typed or not, scheduled or detached:
//
//   Stage::behavior_type stage(Traced<Stage, StageState>* self, StageConfig config);
//
// CAF 0.17 has two virtual functions that every message passes: enqueue() on the sender's thread,
// consume() on the actor's. Debian builds CAF without its profiler hooks, so we override these. An
// exception leaving a handler ends the actor with the exception's text as its exit reason.
#pragma once

#include <caf/all.hpp>
#include <caf/detail/pretty_type_name.hpp>

#include "actors/answer.h"
#include "actors/trace/system_config.h"

namespace troupe {

caf::error error_of(std::exception_ptr exception);  // ActorError::failed with its text

template <class Base, class State>  // Base: caf::typed_event_based_actor<...>
class TracedActor : public Base {
 public:
  explicit TracedActor(caf::actor_config& config)
      : Base(config), book_(trace_book(this->system())), probe_(book_.add_probe()) {
    this->set_exception_handler(
        [](caf::scheduled_actor*, std::exception_ptr& exception) { return error_of(exception); });
  }

  using Base::enqueue;
  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* host) override {
    if (is_traced()) probe_->arrived();
    Base::enqueue(std::move(message), host);
  }

  void initialize() override {
    Base::initialize();
    probe_->describe(this->id(), this->name(), caf::detail::pretty_type_name(typeid(State)));
  }

  using Base::consume;
  caf::invoke_message_result consume(caf::mailbox_element& message) override {
    if (!is_traced()) return Base::consume(message);
    ActorProbe::Handling handling(*probe_, message);
    auto result = Base::consume(message);
    handling.finish(result != caf::invoke_message_result::skipped);
    return result;
  }

  ActorProbe& probe() { return *probe_; }

  bool cleanup(caf::error&& reason, caf::execution_unit* host) override {
    probe_->exited(reason ? text_of(reason) : "normal");
    return Base::cleanup(std::move(reason), host);
  }

 private:
  static TraceBook& trace_book(caf::actor_system& system) {
    return dynamic_cast<const SystemConfig&>(system.config()).trace_book;
  }
  bool is_traced() const { return book_.enabled.load(std::memory_order_relaxed); }

  TraceBook& book_;
  std::shared_ptr<ActorProbe> probe_;
};

// The self type of every actor function.
template <class Handle, class State>
using Traced = caf::stateful_actor<State, TracedActor<typename Handle::base, State>>;

}  // namespace troupe
