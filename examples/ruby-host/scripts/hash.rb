# Hashes: counting, grouping, defaults, order.
text = "it was the best of times it was the worst of times"
counts = text.split.tally
counts.sort_by { |word, n| [-n, word] }.first(3).each { |word, n| puts "#{word}: #{n}" }

by_size = text.split.uniq.group_by(&:size)
by_size.each { |size, words| puts "#{size} #{words.inspect}" }

squares = Hash.new { |hash, n| hash[n] = n * n }
100_000.times { |i| squares[i % 1000] }
puts squares.size, squares.values.sum

Point = Struct.new(:x, :y)
grid = { Point.new(1, 2) => :a, Point.new(3, 4) => :b }
grid[Point.new(3, 4)]
