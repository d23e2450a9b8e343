#include "actors/rlhf/reward_rule.h"

#include <filesystem>

#include "rlhf/rewards/vader.h"
#include "storage/file.h"

namespace troupe {

RewardRule vader_rule(const RunSetup& setup) {
  const std::filesystem::path path = std::string(setup.config().getReward().getLexiconPath());
  const auto emoji_path = path.parent_path() / "emoji_utf8_lexicon.txt";
  const auto emoji = std::filesystem::exists(emoji_path) ? read_file(emoji_path) : std::string();
  auto vader = std::make_shared<const Vader>(read_file(path), emoji);
  return [vader, tokenizer = setup.tokenizer()](const Trajectory& trajectory) {
    return vader->compound(tokenizer->decode(trajectory.response_ids, true));
  };
}

}  // namespace troupe
