# Exceptions, rescued where they should be.
class Full < StandardError
  def initialize(size) = super("no room for #{size} more")
end

def attempt
  yield
rescue ZeroDivisionError, Full => error
  puts "rescued #{error.class}: #{error.message}"
  :rescued
else
  :fine
ensure
  puts "ensured"
end

results = [attempt { 1 / 0 }, attempt { raise Full.new(3) }, attempt { 1 }]

def deep(n) = n.zero? ? raise("at the bottom") : deep(n - 1)
begin
  deep(500)
rescue => error
  puts "#{error.message}, #{error.backtrace.size} frames up"
end

begin
  def forever = forever
  forever
rescue SystemStackError => error
  puts error.class
end

tries = 0
begin
  tries += 1
  Integer("4#{"x" if tries < 3}")
rescue ArgumentError
  retry
end
puts "after #{tries} tries"
puts catch(:done) { 10.times { |i| throw :done, i if i * i > 30 } }
fiber = Fiber.new { Fiber.yield 1; 2 }
results << fiber.resume << fiber.resume
