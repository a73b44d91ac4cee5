# What cannot be parsed arrives there as well.
[1, 2
