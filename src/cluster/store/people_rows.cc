// People, their tokens, ideas and grants.
#include "base/error.h"
#include "cluster/store/impl.h"

namespace hadal::cluster {
namespace {

constexpr std::string_view kPerson = "SELECT id, name, unix_user, lead, removed FROM people WHERE id = ?";
constexpr std::string_view kPersonNamed = "SELECT id, name, unix_user, lead, removed FROM people WHERE name = ?";
constexpr std::string_view kPersonOfUnix =
    "SELECT id, name, unix_user, lead, removed FROM people WHERE unix_user = ? ORDER BY removed, id";
constexpr std::string_view kPeople = "SELECT id, name, unix_user, lead, removed FROM people ORDER BY id";

Person person_in(const Query& row) { return {row.integer(0), row.text(1), row.text(2), row.flag(3), row.flag(4)}; }

constexpr std::string_view kIdea =
    "SELECT id, name, owner, why, baseline, secret, state, created FROM ideas WHERE id = ?";
constexpr std::string_view kIdeaNamed =
    "SELECT id, name, owner, why, baseline, secret, state, created FROM ideas WHERE name = ?";
constexpr std::string_view kIdeas =
    "SELECT id, name, owner, why, baseline, secret, state, created FROM ideas ORDER BY id";

Idea idea_in(const Query& row) {
  Idea idea;
  idea.id = row.integer(0), idea.name = row.text(1), idea.owner = row.integer(2), idea.why = row.text(3);
  idea.baseline = row.flag(4), idea.secret = row.flag(5), idea.state = static_cast<IdeaState>(row.integer(6));
  idea.created = row.real(7);
  return idea;
}

}  // namespace

Person Store::add_person(Person person) {
  if (const std::string mistake = name_mistake(person.name); !mistake.empty())
    fail("a person: {}; take another name", mistake);
  write([&] {
    if (person_named(person.name)) fail("there is a person \"{}\" already; take another name", person.name);
    Query(impl_->writer, "INSERT INTO people(name, unix_user, lead, removed) VALUES(?, ?, ?, ?)")
        .bind(person.name)
        .bind(person.unix_user)
        .bind(person.lead)
        .bind(person.removed)
        .run();
    person.id = impl_->writer.last_row();
  });
  return person;
}

std::optional<Person> Store::person(int64_t id) {
  Impl::Reader reader(*impl_);
  return first_row(reader, kPerson, person_in, id);
}

std::optional<Person> Store::person_named(const std::string& name) {
  Impl::Reader reader(*impl_);
  return first_row(reader, kPersonNamed, person_in, name);
}

std::optional<Person> Store::person_of_unix(const std::string& user) {
  Impl::Reader reader(*impl_);
  return first_row(reader, kPersonOfUnix, person_in, user);
}

std::vector<Person> Store::people() {
  Impl::Reader reader(*impl_);
  return all_rows(reader, kPeople, person_in);
}

void Store::update(const Person& person) {
  write([&] {
    Query(impl_->writer, "UPDATE people SET name = ?, unix_user = ?, lead = ?, removed = ? WHERE id = ?")
        .bind(person.name)
        .bind(person.unix_user)
        .bind(person.lead)
        .bind(person.removed)
        .bind(person.id)
        .run();
  });
}

void Store::add_token(const std::string& hash, int64_t person, int64_t run, int attempt) {
  write([&] {
    Query(impl_->writer, "INSERT INTO tokens VALUES(?, ?, ?, ?)").bind(hash).bind(person).bind(run).bind(attempt).run();
  });
}

void Store::drop_tokens_of_run(int64_t run) {
  write([&] { Query(impl_->writer, "DELETE FROM tokens WHERE run = ? AND run > 0").bind(run).run(); });
}

void Store::drop_tokens_of_person(int64_t person) {
  write([&] { Query(impl_->writer, "DELETE FROM tokens WHERE person = ? AND run = 0").bind(person).run(); });
}

std::optional<Store::TokenOwner> Store::token_owner(const std::string& hash) {
  Impl::Reader reader(*impl_);
  return first_row(
      reader, "SELECT person, run, attempt FROM tokens WHERE hash = ?",
      [](const Query& row) {
        return TokenOwner{row.integer(0), row.integer(1), static_cast<int>(row.integer(2))};
      },
      hash);
}

Idea Store::add_idea(Idea idea) {
  if (const std::string mistake = name_mistake(idea.name); !mistake.empty())
    fail("an idea: {}; take another name", mistake);
  write([&] {
    if (idea_named(idea.name)) fail("there is an idea \"{}\" already; take another name", idea.name);
    Query(impl_->writer,
          "INSERT INTO ideas(name, owner, why, baseline, secret, state, created) VALUES(?, ?, ?, ?, ?, ?, ?)")
        .bind(idea.name)
        .bind(idea.owner)
        .bind(idea.why)
        .bind(idea.baseline)
        .bind(idea.secret)
        .bind(static_cast<int>(idea.state))
        .bind(idea.created)
        .run();
    idea.id = impl_->writer.last_row();
  });
  return idea;
}

std::optional<Idea> Store::idea(int64_t id) {
  Impl::Reader reader(*impl_);
  return first_row(reader, kIdea, idea_in, id);
}

std::optional<Idea> Store::idea_named(const std::string& name) {
  Impl::Reader reader(*impl_);
  return first_row(reader, kIdeaNamed, idea_in, name);
}

std::vector<Idea> Store::ideas() {
  Impl::Reader reader(*impl_);
  return all_rows(reader, kIdeas, idea_in);
}

void Store::update(const Idea& idea) {
  write([&] {
    Query(impl_->writer,
          "UPDATE ideas SET name = ?, owner = ?, why = ?, baseline = ?, secret = ?, state = ? WHERE id = ?")
        .bind(idea.name)
        .bind(idea.owner)
        .bind(idea.why)
        .bind(idea.baseline)
        .bind(idea.secret)
        .bind(static_cast<int>(idea.state))
        .bind(idea.id)
        .run();
  });
}

Grant Store::add(const Grant& grant) {
  Grant added = grant;
  write([&] {
    Query(impl_->writer, "INSERT INTO grants(idea, slots, given, until) VALUES(?, ?, ?, ?)")
        .bind(grant.idea)
        .bind(grant.slots)
        .bind(grant.given)
        .bind(grant.until)
        .run();
    added.id = impl_->writer.last_row();
  });
  return added;
}

std::vector<Grant> Store::grants() {
  Impl::Reader reader(*impl_);
  return all_rows(reader, "SELECT id, idea, slots, given, until FROM grants ORDER BY id", [](const Query& row) {
    return Grant{row.integer(0), row.integer(1), static_cast<int>(row.integer(2)), row.real(3), row.real(4)};
  });
}

void Store::drop_grant(int64_t id) {
  write([&] { Query(impl_->writer, "DELETE FROM grants WHERE id = ?").bind(id).run(); });
}

}  // namespace hadal::cluster
