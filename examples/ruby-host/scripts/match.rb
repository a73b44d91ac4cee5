# Regular expressions and pattern matching.
log = <<~LOG
  2026-03-01 12:00:01 GET /index.html 200
  2026-03-01 12:00:02 POST /login 302
  2026-03-02 08:30:00 GET /ärger 404
LOG
line = /^(?<date>\d{4}-\d\d-\d\d) (?<time>\S+) (?<verb>[A-Z]+) (?<path>\S+) (?<status>\d+)$/
log.each_line do |text|
  puts "#{$~[:verb]} #{$~[:path]} at #{$~[:time]}" if line =~ text.chomp && $~[:status].to_i < 400
end
puts log.scan(/\p{Alpha}{5,}/).inspect
puts log.gsub(/(\d+):(\d+):(\d+)/) { "#{$3}s#{$2}m#{$1}h" }.lines.last

config = { name: "web", ports: [80, 443], tls: { cert: "a.pem" } }
case config
in { name: String => name, ports: [first, *], tls: { cert: } }
  puts "#{name} on #{first} with #{cert}"
end
log.lines.map { |text| text[line, :status] }
