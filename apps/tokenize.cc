// `troupe tokenize`: text to token ids and back, a JSON value a line.
#include <CLI/CLI.hpp>
#include <memory>

#include "actors/model/model_source.h"
#include "apps/commands.h"
#include "apps/json_lines.h"
#include "base/error.h"
#include "text/tokenizer.h"

namespace troupe {
namespace {

struct Options {
  std::string model;
  bool decode = false;
  bool skip_special = false;
  bool plain = false;
};

void tokenize(const Options& options) {
  auto spec = ModelSource::open(options.model).tokenizer();
  if (!spec) throw UsageError(options.model + " has no tokenizer");
  const Tokenizer tokenizer(std::move(*spec));
  answer_json_lines([&](const nlohmann::ordered_json& line) -> nlohmann::ordered_json {
    if (options.decode ? !line.is_array() : !line.is_string())
      throw UsageError(std::string("expected a ") +
                       (options.decode ? "list of token ids" : "string") + ", found " +
                       line.type_name() + (options.decode ? "" : "; --decode takes token ids"));
    if (options.decode)
      return tokenizer.decode(line.get<std::vector<int32_t>>(), options.skip_special);
    return tokenizer.encode(line.get_ref<const std::string&>(), !options.plain);
  });
}

}  // namespace

void add_tokenize(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "tokenize", "Turn JSON strings, one a line on stdin, into arrays of token ids");
  command->add_option("--model", options->model, "A GGUF file, HF folder or checkpoint")
      ->required();
  command->add_flag("--decode", options->decode, "Turn arrays of token ids into strings");
  command->add_flag("--skip-special", options->skip_special, "Leave special tokens out (--decode)");
  command->add_flag("--plain", options->plain, "Take special tokens in a string as ordinary text");
  command->callback([options] { tokenize(*options); });
}

}  // namespace troupe
