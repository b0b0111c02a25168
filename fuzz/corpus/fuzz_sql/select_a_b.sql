select a == b
