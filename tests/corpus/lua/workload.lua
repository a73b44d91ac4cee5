-- Eight queens and more, by backtracking over arrays.
local function queens(n)
  local rows, up, down, count = {}, {}, {}, 0
  local function place(column)
    for row = 1, n do
      local u, d = row + column, row - column
      if not (rows[row] or up[u] or down[d]) then
        if column == n then
          count = count + 1
        else
          rows[row], up[u], down[d] = true, true, true
          place(column + 1)
          rows[row], up[u], down[d] = nil, nil, nil
        end
      end
    end
  end
  place(1)
  return count
end
print("queens", queens(8), queens(9))

-- Objects with inheritance through metatables.
local Shape = {} Shape.__index = Shape
function Shape.new(class, side) return setmetatable({ side = side }, class) end
function Shape:scaled(by) return getmetatable(self):new(self.side * by) end
local Square = setmetatable({}, { __index = Shape }) Square.__index = Square
function Square:area() return self.side * self.side end
local Triangle = setmetatable({}, { __index = Shape }) Triangle.__index = Triangle
function Triangle:area() return self.side * self.side // 2 end
local total = 0
for i = 1, 400000 do
  local shape = (i % 3 == 0 and Square or Triangle):new(i % 100)
  total = total + shape:scaled(2):area()
end
print("area", total)

-- Floating point over nested tables.
local function matrix(n, f)
  local m = {}
  for i = 1, n do m[i] = {} for j = 1, n do m[i][j] = f(i, j) end end
  return m
end
local n = 90
local a = matrix(n, function(i, j) return (i - j) / n end)
local b = matrix(n, function(i, j) return (i + j) / (2 * n) end)
local product = matrix(n, function(i, j)
  local sum, row = 0.0, a[i]
  for k = 1, n do sum = sum + row[k] * b[k][j] end
  return sum
end)
print("matrix", string.format("%.6f %.6f", product[1][1], product[n][7]))

-- Strings: build, match, substitute, count, sort.
local words, state = {}, 12345
for i = 1, 20000 do
  state = (state * 1103515245 + 12345) & 0x7fffffff
  words[i] = string.format("%s%d", ("abcdefghij"):sub(state % 10 + 1), state % 977)
end
local text = table.concat(words, " ")
local counts = {}
for word in text:gmatch("%a+") do counts[word] = (counts[word] or 0) + 1 end
local keys = {}
for key in pairs(counts) do keys[#keys + 1] = key end
table.sort(keys, function(x, y) return counts[x] > counts[y] or counts[x] == counts[y] and x < y end)
for i = 1, 3 do print("word", keys[i], counts[keys[i]]) end
local replaced, times = text:gsub("(%a)(%d+)", function(c, d) return d .. c:upper() end)
print("gsub", times, #replaced, replaced:sub(1, 40))
table.sort(words)
print("sorted", words[1], words[#words // 2], words[#words])

-- Closures and varargs.
local function compose(...)
  local fs = { ... }
  return function(x) for i = 1, #fs do x = fs[i](x) end return x end
end
local step = compose(function(x) return x + 1 end, function(x) return x * 3 % 1000003 end,
                     function(x) return x ~ 5 end)
local x = 1
for _ = 1, 400000 do x = step(x) end
print("compose", x, select("#", table.unpack(words, 1, 100)))

-- A sieve, integer only.
local limit, composite, primes = 1000000, {}, 0
for i = 2, limit do
  if not composite[i] then
    primes = primes + 1
    for j = i * i, limit, i do composite[j] = true end
  end
end
print("primes", primes, collectgarbage("count") > 0)
