create source s (a int) with ("topic" = "x")
