# Prints, sorts, and numbers of any size.
numbers = [170, 45, 75, -90, 802, 24, 2, 66]
puts "sorted    #{numbers.sort.join(" ")}"
puts "by digits #{numbers.sort_by { |n| [n.digits.sum, n] rescue [0, n] }.join(" ")}"

def quicksort(list)
  return list if list.size < 2
  pivot, *rest = list
  small, large = rest.partition { |x| x < pivot }
  quicksort(small) + [pivot] + quicksort(large)
end

random = 12345
many = Array.new(20_000) { random = (random * 1103515245 + 12345) & 0x7fffffff }
puts "the same? #{quicksort(many) == many.sort}"
printf("%.6f %s\n", Math.sqrt(2), (2**200).to_s)
numbers.sum
