create source s (a int,)
