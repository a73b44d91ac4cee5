(module
  (type $t (func (param (ref null $t))))
  (func (type $t)))
