(module
  (type (struct)))
