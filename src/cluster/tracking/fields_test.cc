#include "cluster/tracking/fields.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"
#include "cluster/supervisor/secrets.h"
#include "cluster/tracking/limits.h"
#include "cluster/tracking/mlflow_error.h"

namespace hadal::cluster {
namespace {

RequestFields posted(const std::string& body) {
  ApiRequest request;
  request.method = "POST";
  request.body = body;
  return RequestFields(request);
}

TEST(TrackingFields, NumbersAsClientsSendThem) {
  const auto value = [](const std::string& text) { return posted("{\"v\":" + text + "}").needed_number("v"); };
  EXPECT_EQ(value("1.5"), 1.5);
  EXPECT_EQ(value("\"1.5\""), 1.5);
  EXPECT_EQ(value("3"), 3);
  EXPECT_TRUE(std::isnan(value("\"NaN\"")));
  EXPECT_TRUE(std::isnan(value("NaN")));
  EXPECT_EQ(value("Infinity"), INFINITY);
  EXPECT_EQ(value("-Infinity"), -INFINITY);
  EXPECT_EQ(value("\"-Infinity\""), -INFINITY);
  for (const char* text : {"null", "true", "\"\"", "\"x\"", "\"1.5x\"", "[1]", "{}", "NaNs", "1e999"})
    EXPECT_THROW(value(text), MlflowError) << text;
}

TEST(TrackingFields, IntegersAsClientsSendThem) {
  const auto value = [](const std::string& text) { return posted("{\"v\":" + text + "}").needed_integer("v"); };
  EXPECT_EQ(value("1700000000000"), 1700000000000);
  EXPECT_EQ(value("\"1700000000000\""), 1700000000000);
  EXPECT_EQ(value("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(value("1e3"), 1000);
  EXPECT_EQ(value("2.0"), 2);
  for (const char* text : {"null", "1.5", "9223372036854775808", "1e30", "\"1.0\"", "\"\"", "true", "[]"})
    EXPECT_THROW(value(text), MlflowError) << text;
}

TEST(TrackingFields, OnlyNonNumbersOutsideOfStringsAreQuoted) {
  EXPECT_EQ(quoted_non_numbers(R"({"a":NaN,"b":-Infinity,"NaN":"Infinity","c":"\"NaN","d":[Infinity]})"),
            R"({"a":"NaN","b":"-Infinity","NaN":"Infinity","c":"\"NaN","d":["Infinity"]})");
  EXPECT_EQ(quoted_non_numbers("\"\\"), "\"\\");
}

TEST(TrackingFields, ListsAndObjects) {
  const RequestFields fields = posted(R"({"ids":["1",2],"one":"x","list":[{"k":"a"},{"k":"b"}],"none":null})");
  EXPECT_EQ(fields.texts("ids"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(fields.texts("one"), std::vector<std::string>{"x"});
  EXPECT_TRUE(fields.texts("none").empty());
  std::string keys;
  EXPECT_EQ(fields.for_each("list", [&](const RequestFields& entry) { keys += entry.needed_text("k"); }), 2u);
  EXPECT_EQ(keys, "ab");
  EXPECT_THROW(fields.for_each("one", [](const RequestFields&) {}), MlflowError);
  EXPECT_THROW(fields.for_each("ids", [](const RequestFields&) {}), MlflowError);
  try {
    fields.for_each("list", [](const RequestFields& entry) { entry.needed_integer("k"); });
    FAIL();
  } catch (const MlflowError& error) {
    EXPECT_NE(std::string(error.what()).find("list[0].k"), std::string::npos) << error.what();
  }
}

TEST(TrackingFields, WhatIsNoObjectIsRefused) {
  for (const char* text : {"[]", "1", "\"x\"", "{", "{\"a\":}", "nul", "{\"a\":1}}", "\xff"})
    EXPECT_THROW(posted(text), MlflowError) << text;
  EXPECT_THROW(posted(std::string(100'000, '[')), MlflowError);
  EXPECT_THROW(posted(std::string("{}\0{}", 5)), MlflowError);
  EXPECT_NO_THROW(posted(""));
}

TEST(TrackingLimits, KeysThatMeanThemselvesAlone) {
  for (const char* key : {"a", "val/loss", "a b", "a.b-c_d", "gpu:0", "\xc3\xa4"})
    EXPECT_NO_THROW(check_key("metric", key)) << key;
  for (const char* key :
       {"", ".", "..", "../a", "/a", "a//b", "a/../b", "a/", "./a", "a\tb", "a'b", "a\"b", "a\\b", "a%2e"})
    EXPECT_THROW(check_key("metric", key), MlflowError) << key;
  EXPECT_THROW(check_key("metric", std::string("a\0b", 3)), MlflowError);
  EXPECT_NO_THROW(check_key("metric", std::string(250, 'a')));
  EXPECT_THROW(check_key("metric", std::string(251, 'a')), MlflowError);
  std::string umlauts;
  for (int i = 0; i < 250; ++i) umlauts += "\xc3\xa4";
  EXPECT_NO_THROW(check_key("metric", umlauts));  // characters count, not bytes
}

TEST(TrackingLimits, Pages) {
  EXPECT_EQ(result_page({}, {}, 100, 200).size, 100u);
  EXPECT_EQ(result_page(7, "14", 100, 200).offset, 14u);
  EXPECT_EQ(result_page(7, "", 100, 200).offset, 0u);
  for (const int64_t size : {int64_t{0}, int64_t{-1}, int64_t{201}, INT64_MAX})
    EXPECT_THROW(result_page(size, {}, 100, 200), MlflowError) << size;
  for (const char* token : {"x", "-1", "1x", " 1", "99999999999999999999"})
    EXPECT_THROW(result_page({}, token, 100, 200), MlflowError) << token;
}

TEST(TrackingSecrets, KeysOfSecrets) {
  for (const char* key : {"HF_TOKEN", "HF_TOKEN_2", "AWS_SECRET_ACCESS_KEY", "api_key", "db.password", "Secret",
                          "hub-token", "MYSQL_PASSWORD"})
    EXPECT_TRUE(is_secret_key(key)) << key;
  for (const char* key : {"tokens", "tokens_per_step", "max_tokens", "key_dim", "n_keys", "monkey", "lr", "passwords"})
    EXPECT_FALSE(is_secret_key(key)) << key;
}

TEST(TrackingSecrets, VariablesOfSecrets) {
  for (const char* name : {"HF_TOKEN", "my_tokens", "ApiKey", "PGPASSWORD", "client_secret_1"})
    EXPECT_TRUE(is_secret_variable(name)) << name;
  for (const char* name : {"HOME", "PATH", "LANG", "", "TOK_EN"}) EXPECT_FALSE(is_secret_variable(name)) << name;
}

TEST(TrackingErrors, CodesAndTheirStatus) {
  const ApiReply reply = mlflow_error_reply(MlflowCode::no_such, "no \"x\"");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.body, R"({"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no \"x\""})");
  EXPECT_EQ(mlflow_error_reply(MlflowCode::exists, "").status, 400);
  EXPECT_EQ(mlflow_error_reply(MlflowCode::invalid, "").status, 400);
  EXPECT_EQ(mlflow_error_reply(MlflowCode::denied, "").status, 403);
}

}  // namespace
}  // namespace hadal::cluster
