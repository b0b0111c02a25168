select a form t where x
