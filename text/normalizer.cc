#include "text/normalizer.h"

#include <utf8proc.h>

#include "base/error.h"
#include "text/utf8.h"

namespace troupe {
namespace {

using Kind = NormalizerStep::Kind;

// Applies `rewrite` to each run of well-formed UTF-8 and keeps the bytes between.
template <class Rewrite>
std::string map_valid_runs(std::string_view text, Rewrite rewrite) {
  std::string result;
  size_t begin = 0;
  size_t at = 0;
  auto flush = [&] {
    if (begin < at) result += rewrite(text.substr(begin, at - begin));
  };
  while (at < text.size()) {
    const Utf8Char c = utf8_char(text, at);
    if (!c.valid) {
      flush();
      result += text.substr(at, c.length);
      begin = at + c.length;
    }
    at += c.length;
  }
  flush();
  return result;
}

std::string normal_form(std::string_view text, int options) {
  return map_valid_runs(text, [&](std::string_view run) {
    utf8proc_uint8_t* mapped = nullptr;
    const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(run.data()),
                                   static_cast<utf8proc_ssize_t>(run.size()), &mapped,
                                   static_cast<utf8proc_option_t>(options));
    if (size < 0) throw Error(std::string("Unicode normalisation: ") + utf8proc_errmsg(size));
    std::string result(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
    free(mapped);  // utf8proc hands out malloc's memory
    return result;
  });
}

template <class Map>
std::string map_characters(std::string_view text, Map map) {
  return map_valid_runs(text, [&](std::string_view run) {
    std::string result;
    for (char32_t c : code_points(run)) map(result, c);
    return result;
  });
}

std::string replace_all(std::string_view text, const std::string& pattern,
                        const std::string& content) {
  std::string result;
  size_t done = 0;
  for (size_t at = text.find(pattern); at != text.npos; at = text.find(pattern, done)) {
    result.append(text.substr(done, at - done)).append(content);
    done = at + pattern.size();
  }
  return result.append(text.substr(done));
}

std::string replace_all(std::string_view text, const Regex& regex, const std::string& content) {
  std::string result;
  size_t done = 0;
  regex.for_each_match(text, [&](size_t begin, size_t end) {
    result.append(text.substr(done, begin - done)).append(content);
    done = end;
  });
  return result.append(text.substr(done));
}

std::string apply_step(const NormalizerStep& step, const std::vector<Regex>& regex,
                       const std::string& text) {
  switch (step.kind) {
    case Kind::nfc:
      return normal_form(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    case Kind::nfd:
      return normal_form(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    case Kind::nfkc:
      return normal_form(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    case Kind::nfkd:
      return normal_form(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
    case Kind::lowercase:
      return to_lower(text);
    case Kind::prepend:
      return text.empty() ? text : step.content + text;
    case Kind::replace_string:
      return replace_all(text, step.pattern, step.content);
    case Kind::replace_regex:
      return replace_all(text, regex.front(), step.content);
  }
  return text;
}

}  // namespace

Normalizer::Normalizer(const std::vector<NormalizerStep>& steps) {
  for (const NormalizerStep& spec : steps) {
    Step step{spec, {}};
    if (spec.kind == Kind::replace_regex) step.regex.emplace_back(spec.pattern);
    if (spec.kind == Kind::replace_string && spec.pattern.empty())
      throw Error("tokenizer: the normalizer replaces an empty string");
    steps_.push_back(std::move(step));
  }
}

std::string Normalizer::apply(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) result = apply_step(step.spec, step.regex, result);
  return result;
}

// U+0130 is the one character whose lower case has two.
std::string to_lower(std::string_view text) {
  return map_characters(text, [](std::string& out, char32_t c) {
    if (c == 0x130)
      out += "i\xCC\x87";
    else
      append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<int>(c))));
  });
}

// U+00DF is the one such character that templates meet.
std::string to_upper(std::string_view text) {
  return map_characters(text, [](std::string& out, char32_t c) {
    if (c == 0xDF)
      out += "SS";
    else
      append_utf8(out, static_cast<char32_t>(utf8proc_toupper(static_cast<int>(c))));
  });
}

}  // namespace troupe
