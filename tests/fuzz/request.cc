// A request of OpenAI's API: what is accepted gives replies, what is refused an error, both of them valid JSON of
// bounded length whatever stood in the request. The first byte chooses between chat and plain completions.
#include "fuzz.h"
#include "server/api_error.h"
#include "server/openai/openai_reply.h"
#include "server/openai/openai_request.h"

HADAL_FUZZER(input) {
  using namespace hadal;
  const bool is_chat = input.empty() || input[0] % 2 == 0;
  try {
    const Json body =
        parse_json(input.substr(std::min<size_t>(1, input.size())), "the request body", {.mend_surrogates = true});
    const CompletionCall call = is_chat ? parse_chat_call(body, {}) : parse_text_call(body, {});
    const CompletionHead head = make_completion_head(is_chat ? CompletionKind::chat : CompletionKind::text, call.model);
    GenerateResult result;
    result.text = is_chat ? call.conversation.messages.back().text() : call.text;
    const chat::Message message{"assistant", result.text, result.text};
    for (const std::string& reply :
         {first_chunk(head), is_chat ? reasoning_chunk(head, result.text) : text_chunk(head, result.text),
          text_chunk(head, result.text, 1), last_chunk(head, result), usage_chunk(head, {result}),
          whole_completion(head, {{result, message}})}) {
      parse_json(reply, "the reply");
    }
  } catch (const ApiError& e) {
    const std::string reply = e.reply().body;
    HADAL_CHECK(reply.size() < 2000, "{}", reply.size());
    parse_json(reply, "the error");
    throw;
  } catch (const Error& e) {
    const std::string reply = ApiError(400, e.what()).reply().body;
    HADAL_CHECK(reply.size() < 2000, "{}", reply.size());
    parse_json(reply, "the error");
    throw;
  }
}
