(module
  (tag $t)
  (func (try (do (throw $t)) (catch_all))))
