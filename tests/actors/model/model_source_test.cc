#include "actors/model/model_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "storage/checkpoint/checkpoint.h"
#include "storage/file.h"
#include "storage/safetensors/reader.h"
#include "storage/safetensors/writer.h"
#include "tests/storage/gguf/gguf_builder.h"
#include "tests/temporary_folder.h"
#include "text/byte_tokenizer.h"
#include "text/tokenizer_json.h"

namespace troupe {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string golden(const std::string& model) {
  return std::string(TROUPE_SOURCE_DIR) + "/tests/golden/models/" + model;
}

std::string counting(size_t count, float start) {
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i) values.push_back(start + static_cast<float>(i));
  return floats(values);
}

// One layer; hidden 8, two heads of 4 over one key/value head, inner 6, vocabulary 5.
GgufBuilder tiny_llama() {
  GgufBuilder builder;
  builder.word("general.architecture", "llama")
      .number("llama.block_count", 1)
      .number("llama.context_length", 64);
  builder.number("llama.embedding_length", 8).number("llama.feed_forward_length", 6);
  builder.number("llama.attention.head_count", 2).number("llama.attention.head_count_kv", 1);
  builder.real("llama.attention.layer_norm_rms_epsilon", 1e-5f).real("llama.rope.freq_base", 5000);
  builder.number("tokenizer.ggml.bos_token_id", 1).number("tokenizer.ggml.eos_token_id", 2);
  builder.tensor("token_embd.weight", {8, 5}, 0, counting(40, 0))
      .tensor("output_norm.weight", {8}, 0, counting(8, 0));
  builder.tensor("blk.0.attn_norm.weight", {8}, 0, counting(8, 1))
      .tensor("blk.0.ffn_norm.weight", {8}, 0, counting(8, 2));
  builder.tensor("blk.0.attn_q.weight", {8, 8}, 0, counting(64, 0))
      .tensor("blk.0.attn_k.weight", {8, 4}, 0, counting(32, 0));
  builder.tensor("blk.0.attn_v.weight", {8, 4}, 0, counting(32, 0))
      .tensor("blk.0.attn_output.weight", {8, 8}, 0, counting(64, 9));
  builder.tensor("blk.0.ffn_gate.weight", {8, 6}, 0, counting(48, 0))
      .tensor("blk.0.ffn_up.weight", {8, 6}, 0, counting(48, 7));
  return builder;
}
GgufBuilder whole_llama() {
  return tiny_llama().tensor("blk.0.ffn_down.weight", {6, 8}, 0, counting(48, 3));
}

class GgufSourceTest : public ::testing::Test {
 protected:
  ModelSource open(const GgufBuilder& builder) {
    rewrite(folder_ / "m.gguf", builder.build());
    return ModelSource::open(folder_ / "m.gguf");
  }
  std::string error_with(const GgufBuilder& builder) {
    return error_of([&] { open(builder); });
  }
  TemporaryFolder folder_;
};

TEST_F(GgufSourceTest, MakesTheConfigThatTransformersReads) {
  const auto source = open(whole_llama());
  EXPECT_EQ(source.config(), (json{{"architectures", {"LlamaForCausalLM"}},
                                   {"model_type", "llama"},
                                   {"hidden_act", "silu"},
                                   {"hidden_size", 8},
                                   {"intermediate_size", 6},
                                   {"num_hidden_layers", 1},
                                   {"num_attention_heads", 2},
                                   {"num_key_value_heads", 1},
                                   {"head_dim", 4},
                                   {"max_position_embeddings", 64},
                                   {"rms_norm_eps", 1e-5},
                                   {"rope_theta", 5000.0},
                                   {"rope_scaling", nullptr},
                                   {"vocab_size", 5},
                                   {"tie_word_embeddings", true},
                                   {"attention_bias", false},
                                   {"mlp_bias", false},
                                   {"torch_dtype", "float32"},
                                   {"bos_token_id", 1},
                                   {"eos_token_id", 2}}));
  EXPECT_THAT(source.eos_token_ids(), ElementsAre(2));
  EXPECT_EQ(source.tokenizer(), std::nullopt);
}

TEST_F(GgufSourceTest, UndoesTheRowOrderOfQueriesAndKeysOnly) {
  const auto source = open(whole_llama());
  const auto first_column = [&](const std::string& name) {
    const auto values = source.read_f32("model.layers.0.self_attn." + name + ".weight");
    std::vector<int> rows;
    for (size_t i = 0; i < values.size(); i += 8) rows.push_back(static_cast<int>(values[i]) / 8);
    return rows;
  };
  EXPECT_THAT(first_column("q_proj"), ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  EXPECT_THAT(first_column("k_proj"), ElementsAre(0, 2, 1, 3));
  EXPECT_THAT(first_column("v_proj"), ElementsAre(0, 1, 2, 3));
}

TEST_F(GgufSourceTest, GivesBlocksInTheRowOrderOfTheNumbers) {
  const auto source = open(whole_llama());
  for (const char* weight : {"q_proj", "v_proj"}) {
    const auto name = "model.layers.0.self_attn." + std::string(weight) + ".weight";
    const auto values = source.read_f32(name);
    const auto bytes = std::as_bytes(std::span(values));
    EXPECT_EQ(source.read_blocks(name), (std::vector<std::byte>{bytes.begin(), bytes.end()}));
  }
}

TEST_F(GgufSourceTest, UsesAnOutputMatrixWhereThereIsOne) {
  const auto source = open(whole_llama().tensor("output.weight", {8, 5}, 0, counting(40, 100)));
  EXPECT_EQ(source.config()["tie_word_embeddings"], false);
  EXPECT_EQ(source.read_f32("lm_head.weight")[3], 103.0f);
}

TEST_F(GgufSourceTest, NamesTheWeightThatIsMissingUnknownOrOfAWrongShape) {
  EXPECT_THAT(error_with(tiny_llama()),
              HasSubstr("model.layers.0.mlp.down_proj.weight is missing"));
  EXPECT_THAT(error_with(whole_llama().tensor("blk.0.ffn_gate_inp.weight", {8}, 0, counting(8, 0))),
              HasSubstr("tensor blk.0.ffn_gate_inp.weight is unknown to llama"));
  EXPECT_THAT(error_with(whole_llama().tensor("blk.1.attn_q.weight", {8, 8}, 0, counting(64, 0))),
              HasSubstr("model.layers.1.self_attn.q_proj.weight is unknown"));
  EXPECT_THAT(error_with(tiny_llama().tensor("blk.0.ffn_down.weight", {8, 6}, 0, counting(48, 0))),
              HasSubstr("down_proj.weight has shape [6, 8], expected [8, 6]"));
  EXPECT_THAT(error_with(GgufBuilder()
                             .word("general.architecture", "llama")
                             .number("llama.embedding_length", 8)
                             .number("llama.attention.head_count", 2)
                             .number("llama.block_count", 2000000000)),
              HasSubstr("\"llama.block_count\" is 2000000000"));
  EXPECT_THAT(error_with(GgufBuilder().word("general.architecture", "mamba")),
              HasSubstr("\"mamba\" is not supported"));
  EXPECT_THAT(error_with(GgufBuilder().word("general.architecture", "llama")),
              HasSubstr("\"llama.embedding_length\" is missing"));
}

TEST_F(GgufSourceTest, ReadsLinearAndYarnScaling) {
  auto linear =
      whole_llama().word("llama.rope.scaling.type", "linear").real("llama.rope.scaling.factor", 4);
  EXPECT_EQ(open(linear).config()["rope_scaling"],
            (json{{"rope_type", "linear"}, {"factor", 4.0}}));
  auto yarn =
      whole_llama().word("llama.rope.scaling.type", "yarn").real("llama.rope.scaling.factor", 2);
  EXPECT_EQ(
      open(yarn.number("llama.rope.scaling.original_context_length", 32)).config()["rope_scaling"],
      (json{{"rope_type", "yarn"}, {"factor", 2.0}, {"original_max_position_embeddings", 32}}));
  EXPECT_THAT(error_with(whole_llama()
                             .word("llama.rope.scaling.type", "spiral")
                             .real("llama.rope.scaling.factor", 2)),
              HasSubstr("\"spiral\""));
}

TEST_F(GgufSourceTest, PutsLlama3sScalingIntoTheConfig) {
  const auto source = open(whole_llama().tensor("rope_freqs.weight", {2}, 0, floats({1, 8})));
  EXPECT_EQ(source.config()["rope_scaling"]["rope_type"], "llama3");
  EXPECT_FALSE(source.has("rope_freqs.weight"));
}

TEST(ModelSourceTest, ReadsAHuggingFaceFolderByItsNames) {
  const auto source = ModelSource::open(golden("llama"));
  EXPECT_EQ(source.config()["hidden_size"], 32);
  EXPECT_EQ(source.shape("model.layers.1.self_attn.k_proj.weight"), (Shape{16, 32}));
  EXPECT_EQ(source.tokenizer(), std::nullopt);
  EXPECT_THAT(source.eos_token_ids(), ElementsAre(2));
  EXPECT_THAT(error_of([&] { source.read_f32("nobody.weight"); }),
              HasSubstr("weight nobody.weight is missing"));
}

// The first and the largest values that another tool found in these files.
TEST(ModelSourceTest, ReadsShardsF16AndBf16) {
  EXPECT_EQ(ModelSource::open(golden("llama_sharded")).weight_names().size(), 3u * 16 + 3);
  for (const auto* model : {"llama_bf16", "llama_rope_linear"}) {
    const auto source = ModelSource::open(golden(model));
    const auto& raw = source.weight("model.norm.weight");
    const auto values = source.read_f32("model.norm.weight");
    for (size_t i = 0; i < values.size(); ++i) {
      uint16_t bits;
      std::memcpy(&bits, raw.bytes.data() + 2 * i, 2);
      EXPECT_EQ(values[i],
                raw.type == BlockType::bf16 ? to_float(Bf16{bits}) : half_to_float(bits));
    }
  }
  EXPECT_EQ(ModelSource::open(golden("llama_bf16")).weight("model.norm.weight").type,
            BlockType::bf16);
  EXPECT_FALSE(ModelSource::open(golden("llama_bf16")).has("lm_head.weight"));
}

TEST(ModelSourceTest, ChecksWeightsAgainstWhatAModelNeeds) {
  const auto source = ModelSource::open(golden("llama"));
  std::map<std::string, Shape> expected;
  for (const auto& name : source.weight_names()) expected[name] = source.shape(name);
  EXPECT_EQ(error_of([&] { source.check_weights(expected); }), "");
  auto more = expected;
  more["model.extra.weight"] = {1};
  EXPECT_THAT(error_of([&] { source.check_weights(more); }),
              HasSubstr("model.extra.weight is missing"));
  auto wrong = expected;
  wrong["model.norm.weight"] = {33};
  EXPECT_THAT(error_of([&] { source.check_weights(wrong); }),
              HasSubstr("model.norm.weight has shape [32], expected [33]"));
  expected.erase("lm_head.weight");
  EXPECT_THAT(error_of([&] { source.check_weights(expected); }),
              HasSubstr("lm_head.weight is unknown"));
}

TEST(ModelSourceTest, ReadsACheckpointOfOurs) {
  const TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3};
  const TensorView tensor{"model.norm.weight", DType::f32, {3}, std::as_bytes(std::span(values))};
  const auto step = checkpoint_folder(folder.path(), 3);
  const auto partial = begin_checkpoint(step);
  const auto shard = write_shard(partial, "model", 0, 1, std::span(&tensor, 1));
  write_tokenizer_json(byte_tokenizer_spec('\n'), partial);
  const json config = {{"model_type", "llama"}, {"eos_token_id", {10, 11}}};
  commit_checkpoint(partial, step, std::span(&shard, 1),
                    {{"config.json", config.dump()}, {"state.json", "{}"}});
  const auto source = ModelSource::open(step);
  EXPECT_EQ(source.read_f32("model.norm.weight"), values);
  EXPECT_THAT(source.eos_token_ids(), ElementsAre(10, 11));
  ASSERT_TRUE(source.tokenizer().has_value());
  EXPECT_EQ(source.tokenizer()->tokens.size(), 256u);
}

TEST(ModelSourceTest, PrefersTheEndTokensOfTheGenerationConfig) {
  const TemporaryFolder folder;
  std::filesystem::copy(golden("llama"), folder.path(), std::filesystem::copy_options::recursive);
  rewrite(folder / "generation_config.json", R"({"eos_token_id": [5, 6]})");
  EXPECT_THAT(ModelSource::open(folder.path()).eos_token_ids(), ElementsAre(5, 6));
  rewrite(folder / "generation_config.json", R"({"eos_token_id": "x"})");
  EXPECT_THAT(error_of([&] { ModelSource::open(folder.path()).eos_token_ids(); }),
              HasSubstr("eos_token_id is \"x\""));
}

TEST(ModelSourceTest, SaysWhatIsNotThere) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([] { ModelSource::open("/nowhere/at/all"); }),
              HasSubstr("no model at /nowhere/at/all"));
  EXPECT_THAT(error_of([&] { ModelSource::open(folder.path()); }),
              HasSubstr("expected a config.json or one .gguf file"));
  rewrite(folder / "config.json", "{}");
  EXPECT_THAT(error_of([&] { ModelSource::open(folder.path()); }),
              HasSubstr("no model.safetensors"));
  const std::vector<int64_t> ids = {1};
  const TensorView odd{"position_ids", DType::i64, {1}, std::as_bytes(std::span(ids))};
  write_safetensors(folder / "model.safetensors", std::span(&odd, 1), false);
  EXPECT_THAT(error_of([&] { ModelSource::open(folder.path()); }),
              HasSubstr("reading position_ids"));
  rewrite(folder / "config.json", "{\"a\": ");
  EXPECT_THAT(error_of([&] { ModelSource::open(folder.path()); }),
              HasSubstr("config.json: not valid JSON"));
}

}  // namespace
}  // namespace troupe
