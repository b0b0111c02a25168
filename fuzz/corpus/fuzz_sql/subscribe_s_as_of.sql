subscribe s as of epoch 5 where a > 1; declare c cursor for subscribe s; fetch forward 10 from c; close c
