select f(a b)
