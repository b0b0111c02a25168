create source s (a int, order int)
