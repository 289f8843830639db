// How the answer in a reply is found and compared with the right one.
#pragma once

#include <optional>
#include <string_view>

namespace hadal::tasks {

// The last number in a text: "the total is $1,234.50." gives 1234.5; "-3" gives -3; a minus between numbers ("5-3") is
// none. Nothing without digits.
std::optional<double> last_number(std::string_view text);

// Whether a reply states the answer. The last numbers of both are compared (1e-6 relative); an answer without digits
// ("eighty-one") must be the end of the reply, as words of their own, in any case.
bool states_answer(std::string_view reply, std::string_view answer);

// Whether two answers that were found in replies are one and the same, for votes: equal exact numbers ("24/2", "12.0"),
// expressions of the same numbers with equal values ("55-36+19", "55-(36-19)"), the same knights and knaves ("Ada is a
// knight. Ben is a knave.", "Ben: knave, Ada: knight"), or the same text, whatever its spaces and case.
bool same_answer(std::string_view a, std::string_view b);

}  // namespace hadal::tasks
