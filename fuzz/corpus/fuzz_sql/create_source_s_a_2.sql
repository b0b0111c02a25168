create source s (a int b int)
