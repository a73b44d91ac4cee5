# The standard library is in the module.
require "json"
require "set"
require "digest"
require "erb"
require "time"

data = JSON.parse('{"name": "ruby", "tags": ["a", "b"], "size": 3.5e2}')
puts JSON.generate(data.merge("tags" => Set.new(data["tags"]).add("c").to_a))
puts Digest::SHA256.hexdigest("abc")
puts ERB.new("<% 3.times do |i| %><%= i %>,<% end %>").result
puts Time.at(1_000_000_000).utc.iso8601
data["size"]
