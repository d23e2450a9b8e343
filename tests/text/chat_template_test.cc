#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace troupe {
namespace {

using json = nlohmann::ordered_json;

json conversation() {
  return json::parse(R"([{"role": "system", "content": "Be brief."},
                         {"role": "user", "content": " Hi "},
                         {"role": "assistant", "content": "Hello"}])");
}

std::string render(const std::string& source, const json& variables = {}) {
  return render_chat(source, conversation(), true, variables);
}

std::string error_of(const std::string& source) {
  try {
    render(source);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(ChatTemplateTest, RendersSmolLm2AsTransformersDoes) {
  std::ifstream file(TROUPE_SOURCE_DIR "/tests/golden/smollm2_chat_template.json");
  const json golden = json::parse(file);
  const ChatTemplate chat(golden["template"].get<std::string>());
  ASSERT_EQ(golden["cases"].size(), 20);
  for (const json& one : golden["cases"])
    EXPECT_EQ(chat.render(one["messages"], one["add_generation_prompt"].get<bool>()),
              one["text"].get<std::string>());
}

TEST(ChatTemplateTest, TrimsBlocksAndStripsTheSpaceBeforeThem) {
  EXPECT_EQ(render("a\n  {% if true %}\nb\n  {% endif %}\nc"), "a\nb\nc");
  EXPECT_EQ(render("a\n  {%+ if true %}\nb{% endif +%}\nc"), "a\n  b\nc");
  EXPECT_EQ(render("a \n {%- if true -%} \n b {%- endif %} c"), "ab c");
  EXPECT_EQ(render("a {{- ' b ' -}} c\n"), "a b c");
  EXPECT_EQ(render("  {# note #}\nx{% raw %}{{ y }}{% endraw %}"), "x{{ y }}");
}

TEST(ChatTemplateTest, LoopsKnowTheirPlace) {
  EXPECT_EQ(render("{% for m in messages %}{{ loop.index }}{{ loop.first }}{{ loop.last }}"
                   "{{ loop.length }} {% endfor %}"),
            "1TrueFalse3 2FalseFalse3 3FalseTrue3 ");
  EXPECT_EQ(render("{% for m in messages if m.role != 'user' %}{{ loop.index0 }}{{ m['role'] }} "
                   "{% endfor %}"),
            "0system 1assistant ");
  EXPECT_EQ(render("{% for x in [] %}x{% else %}none{% endfor %}"), "none");
  EXPECT_EQ(render("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}"), "a1b2");
  EXPECT_EQ(render("{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}"
                   "{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}"),
            "023");
  EXPECT_EQ(render("{% for m in messages %}{{ loop.nextitem.role if not loop.last }},{% endfor %}"),
            "user,assistant,,");
}

TEST(ChatTemplateTest, OnlyANamespaceOutlivesALoop) {
  EXPECT_EQ(render("{% set n = 0 %}{% set ns = namespace(n=0) %}{% for m in messages %}"
                   "{% set n = n + 1 %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ n }}{{ ns.n }}"),
            "03");
}

TEST(ChatTemplateTest, EvaluatesExpressionsAsPythonDoes) {
  EXPECT_EQ(render("{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 3 }}"),
            "3 -4 2 3.5 8");
  EXPECT_EQ(render("{{ 1 + 2 }} {{ 2 ~ 3 * 2 }} {{ not 1 == 2 and 3 }}"), "3 26 3");
  EXPECT_EQ(render("{{ 'abc'[::-1] }} {{ [1, 2, 3][1:] }} {{ 'é漢'[1] }}"), "cba [2, 3] 漢");
  EXPECT_EQ(render("{{ 'a' in 'cat' }} {{ 4 not in [1, 2] }} {{ 1 < 2 < 3 }} {{ 1 == 1.0 }}"),
            "True True True True");
  EXPECT_EQ(render("{{ {'a': None, 'b': [true, \"it's\"]} }} {{ (1,) }} {{ 1e20 }}"),
            "{'a': None, 'b': [True, \"it's\"]} (1,) 1e+20");
  EXPECT_EQ(render("{{ 'yes' if messages | length > 2 else 'no' }}{{ 'x' if false }}"), "yes");
}

TEST(ChatTemplateTest, KnowsTheUsualFiltersTestsAndMethods) {
  EXPECT_EQ(render("{{ messages[1].content | trim }}|{{ 'a,b'.split(',') | join('-') }}"),
            "Hi|a-b");
  EXPECT_EQ(render("{{ {'b': 1, 'a': [\"é\"]} | tojson }}"), R"({"b": 1, "a": ["é"]})");
  EXPECT_EQ(render("{{ [{}] | tojson(indent=2) }}"), "[\n  {}\n]");
  EXPECT_EQ(render("{{ x | default('d') }} {{ x is defined }} {{ x }}|{{ none is none }}"),
            "d False |True");
  EXPECT_EQ(render("{{ messages | map(attribute='role') | list }} "
                   "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}"),
            "['system', 'user', 'assistant'] 1");
  EXPECT_EQ(render("{{ ' x '.strip() ~ 'ab'.upper() ~ 'xay'.replace('a', '-') }}"), "xABx-y");
  EXPECT_EQ(render("{{ messages[0] is mapping }} {{ 'a' is string }} {{ 3 is divisibleby 3 }}"),
            "True True True");
}

TEST(ChatTemplateTest, CallsMacros) {
  EXPECT_EQ(render("{% macro hi(name, mark='!') %}hi {{ name }}{{ mark }}{% endmacro %}"
                   "{{ hi('a') }} {{ hi('b', mark='?') }}"),
            "hi a! hi b?");
}

TEST(ChatTemplateTest, HasTheVariablesThatAreGiven) {
  EXPECT_EQ(render("{{ bos_token }}{{ add_generation_prompt }}", {{"bos_token", "<s>"}}),
            "<s>True");
}

TEST(ChatTemplateTest, ErrorsTellTheLine) {
  EXPECT_EQ(error_of("a\n{{ raise_exception('no system role') }}"),
            "chat template: line 2: the template refuses: no system role");
  EXPECT_NE(error_of("a\nb\n{% if x %}").find("line 3"), std::string::npos);
  EXPECT_NE(error_of("{{ x.y }}").find("'x' is undefined"), std::string::npos);
  EXPECT_NE(error_of("{% include 'a' %}").find("'include'"), std::string::npos);
  EXPECT_NE(error_of("{{ 1 | nonsense }}").find("'nonsense'"), std::string::npos);
  EXPECT_NE(error_of("{{ 1 + 'a' }}").find("int + str"), std::string::npos);
}

TEST(ChatTemplateTest, HostileTemplatesEndInAnError) {
  const std::string deep(100000, '(');
  const std::string many = "{% for i in range(99999) %}";
  for (const std::string& source :
       {"{{ " + deep, "{{ " + std::string(100000, '-') + "1 }}", "{{ [" + std::string(5000, '['),
        many + many + "{% endfor %}{% endfor %}", std::string("{{ 'a' * 99999999999 }}"),
        std::string("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
        std::string("{% set ns = namespace(a='aa') %}{% for i in range(99) %}"
                    "{% set ns.a = ns.a + ns.a %}{% endfor %}"),
        std::string("{% set ns = namespace(a=[]) %}{% for i in range(9999) %}"
                    "{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a }}"),
        std::string("{% set ns = namespace() %}{% set ns.a = ns %}"), std::string("{{ 1 // 0 }}"),
        std::string("{{ 9223372036854775807 + 1 }}"), std::string("{{"), std::string("{%"),
        std::string("{#"), std::string("{% raw %}"), std::string("{{ 'a }}"),
        std::string("{{ [1) }}")})
    EXPECT_THROW(render(source), Error) << source.substr(0, 80);
}

TEST(ChatTemplateTest, EveryBeginningOfATemplateRendersOrIsAnError) {
  const std::string source =
      "{%- set ns = namespace(n=0) -%}{% for m in messages if m.role != 'x' %}\n"
      "{{ m['content'][0:2] | trim ~ \"\\n\" }}{% elif %}{% else %}{# c #}{% endfor %}"
      "{% if a is not defined and (b or [1, {'k': 2.5e1}]) %}{% raw %}{{{% endraw %}{% endif %}";
  for (size_t size = 0; size <= source.size(); ++size) {
    try {
      render(source.substr(0, size));
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("line"), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace troupe
