# What nobody rescues arrives in the host.
def risky(value)
  raise ArgumentError, "cannot use #{value.inspect}" if value.nil?
end
puts "before"
risky(nil)
puts "never printed"
